"""A ledger under a hand-moved clock: on the fake Redis, on a real one and on a Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import FAKE, REAL, VALKEY
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from redis import Redis


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture(params=[FAKE, REAL, VALKEY])
def redis_client(request: pytest.FixtureRequest) -> Redis:
    client: Redis = request.getfixturevalue(request.param)
    return client


@pytest.fixture
def ledger(redis_client: Redis) -> Ledger:
    return Ledger(redis_client)


@pytest.fixture
def simulated(real_redis: Redis) -> Ledger:
    """A ledger for a simulation: the fake Redis would take minutes."""
    return Ledger(real_redis)
