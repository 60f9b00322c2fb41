"""A ledger under a hand-moved clock, on the fake Redis and on the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from redis import Redis


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def ledger(redis_client: Redis) -> Ledger:
    return Ledger(redis_client)
