"""Whether Redis serves us: it must take writes, not only answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from facelift.errors import LedgerRefused, LedgerUnavailable
from facelift.ledger.store import JobStore

if TYPE_CHECKING:
    from redis import Redis

    from tests.ledger.driver import Ledger


def test_redis_that_takes_writes_serves_and_keeps_nothing(ledger: Ledger) -> None:
    ledger.store.ping()
    time.sleep(0.005)
    assert ledger.redis.exists(ledger.store.keys.probe) == 0


def test_full_redis_does_not_serve(real_redis: Redis) -> None:
    real_redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(LedgerRefused, match="Redis is full"):
            JobStore(real_redis).ping()
    finally:
        real_redis.config_set("maxmemory", "0")


def test_read_only_replica_does_not_serve(real_redis: Redis) -> None:
    real_redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(LedgerUnavailable, match="read only replica"):
            JobStore(real_redis).ping()
    finally:
        real_redis.replicaof("NO", "ONE")
