"""What an idle worker costs Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from facelift import UploadClient
from sandbox.redis_server import RedisServer
from tests.acceptance.world import worker

if TYPE_CHECKING:
    from pathlib import Path

_PERIOD = 15.0  # seconds: the longest between two of the same commands


@pytest.mark.nightly  # counts for half a minute
@pytest.mark.timeout(180)
@pytest.mark.parametrize("periods", [1, 4])
def test_idle_worker_sends_at_most_five_commands_a_second(
    redis_binary: Path, tmp_path: Path, environment: dict[str, str], periods: int
) -> None:
    with RedisServer(tmp_path / "redis", binary=redis_binary) as server:
        own = {"FACELIFT_REDIS_URL": server.url}
        with (
            worker(tmp_path / "log", environment | own),
            Redis.from_url(server.url, decode_responses=True) as redis,
            UploadClient(server.url) as client,
        ):
            time.sleep(6)  # the start has a price of its own
            redis.config_resetstat()
            time.sleep(periods * _PERIOD)
            found = redis.info("commandstats")
            # Those inside scripts are counted too.
            calls = {name: each["calls"] for name, each in found.items()}
            due = time.time() + 1
            job = client.enqueue("later", "media:good.png", not_before=due).id
            record = client.wait(job, 30)
        assert sum(calls.values()) / (periods * _PERIOD) <= 5, calls
        assert record.started_at is not None
        assert record.started_at - due < 0.6
