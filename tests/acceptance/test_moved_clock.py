"""Redis' clock is set while uploads are in flight: the pool goes on as if nothing had been."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import api_keys, worker_pool
from tests.acceptance.world import eventually
from tests.moved_clock import redis_with_clock

if TYPE_CHECKING:
    from pathlib import Path

JOBS, RATE = 70, 20
HALF_AN_HOUR = 1800


def test_step_of_the_clock_delays_repeats_and_refuses_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    options = ("--rate-limit", f"{RATE}/2s", "--latency", "600ms")
    with (
        redis_with_clock(tmp_path) as (redis, clock),
        EndpointProcess(api_keys=["key-only"], options=options) as endpoint,
    ):
        settings = environment | {
            "FACELIFT_REDIS_URL": redis.url,
            "FACELIFT_KEY_PREFIX": "clock",
            "FACELIFT_ENDPOINT_URL": endpoint.url,
            "FACELIFT_RATE_LIMIT": f"{RATE}/2s",
            "FACELIFT_LEASE": "5s",
            **api_keys("only"),
        }
        with worker_pool(tmp_path, settings, endpoint) as pool:
            jobs = pool.enqueue("only", JOBS)
            for step, after in ((HALF_AN_HOUR, 15), (-HALF_AN_HOUR, 35)):
                eventually(lambda: len(pool.arrivals("only")) >= after, "too few uploads")  # noqa: B023 - called at once
                clock.set(step)
            records = pool.wait(jobs)
            arrivals = pool.arrivals("only")
            assert {record.outcome for record in records} == {"delivered"}
            assert endpoint.stats()["refused"] == 0
            assert set(Counter(each.chatbot_id for each in arrivals).values()) == {1}
            starts = sorted(each.headers_at for each in arrivals)
            # 70 uploads at 10 a second take 7 s.
            assert starts[-1] - starts[0] < 7 + 10
            assert max(b - a for a, b in pairwise(starts)) < 5
            forward, back = pool.lines("clock_set")
            assert "was set forward by 1800." in forward or "was set forward by 1799." in forward
            assert "was set back by 3600." in back or "was set back by 3599." in back
            assert pool.store.pool.snapshot(0).clock.steps == 2
