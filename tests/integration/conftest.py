"""A producer and its workers' side of the ledger, on the fake Redis and on the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tasks.client import UploadClient
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from redis import Redis


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def redis(redis_client: Redis) -> Any:
    return redis_client


@pytest.fixture
def client(redis: Any) -> UploadClient:
    return UploadClient(redis=redis)


@pytest.fixture
def worker(redis: Any, client: UploadClient) -> Ledger:
    """Claims and ends what the client enqueues."""
    ledger = Ledger(redis)
    ledger.store = client._store
    return ledger
