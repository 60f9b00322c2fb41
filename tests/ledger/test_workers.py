"""Workers send heartbeats; those without one are forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from facelift.status.worker import HEARTBEAT_INTERVAL, REMEMBERED, WorkerReport, WorkerStatus
from tests.ledger.driver import START

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

FIRST = WorkerReport(
    name="host-1:7",
    host="host-1",
    pid=7,
    version="0.1.0",
    age=60.0,
    poll_age=0.5,
    slots=100,
    busy=3,
)
SECOND = replace(FIRST, name="host-2:7", host="host-2")


def names(ledger: Ledger) -> list[str]:
    return [worker.name for worker in ledger.store.pool.snapshot().workers]


def test_a_worker_is_known_by_its_heartbeat(ledger: Ledger) -> None:
    ledger.store.pool.heartbeat(FIRST)
    ledger.now += 2
    (worker,) = ledger.store.pool.snapshot().workers
    assert worker == WorkerStatus(
        name="host-1:7",
        host="host-1",
        pid=7,
        version="0.1.0",
        since=START - 60,
        seen_at=START,
        last_poll_at=START - 0.5,
        slots=100,
        busy=3,
    )


def test_the_last_heartbeat_wins(ledger: Ledger) -> None:
    ledger.store.pool.heartbeat(FIRST)
    ledger.now += HEARTBEAT_INTERVAL
    ledger.store.pool.heartbeat(replace(FIRST, age=65.0, poll_age=0.1, busy=100))
    (worker,) = ledger.store.pool.snapshot().workers
    assert (worker.since, worker.seen_at, worker.busy) == (
        START - 60,
        START + HEARTBEAT_INTERVAL,
        100,
    )


def test_a_worker_without_heartbeats_is_forgotten(ledger: Ledger) -> None:
    ledger.store.pool.heartbeat(FIRST)
    ledger.now += REMEMBERED - 1
    ledger.store.pool.heartbeat(SECOND)
    assert names(ledger) == ["host-1:7", "host-2:7"]
    ledger.now += 2
    assert names(ledger) == ["host-2:7"]


def test_a_worker_that_leaves_is_forgotten_at_once(ledger: Ledger) -> None:
    ledger.store.pool.heartbeat(FIRST)
    ledger.store.pool.heartbeat(SECOND)
    ledger.store.pool.leave("host-1:7")
    assert names(ledger) == ["host-2:7"]
    ledger.store.pool.leave("host-2:7")
    assert ledger.leftovers() == set()


def test_every_key_of_workers_expires(ledger: Ledger) -> None:
    keys = ledger.store.keys
    ledger.store.pool.heartbeat(FIRST)
    ledger.store.pool.heartbeat(SECOND)
    for key in (keys.workers, keys.worker("host-1:7"), keys.worker("host-2:7")):
        assert 0 < ledger.redis.ttl(key) <= REMEMBERED + 7200  # and outlives a step of the clock
    ledger.now += REMEMBERED + 1
    ledger.store.pool.heartbeat(FIRST)
    assert ledger.redis.zrange(keys.workers, 0, -1) == ["host-1:7"]


@pytest.mark.parametrize(
    ("busy", "stalled", "silent", "trouble"),
    [
        (100, 90, 0, None),
        (100, 86, 5, "all 100 slots are busy, and no job ended for 91 s"),
        (99, 91, 0, None),
    ],
)
def test_a_worker_is_stuck_if_all_slots_stay_busy_while_no_job_ends(
    ledger: Ledger, busy: int, stalled: float, silent: float, trouble: str | None
) -> None:
    ledger.store.pool.heartbeat(replace(FIRST, busy=busy, stalled=stalled, patience=90))
    ledger.now += silent
    pool = ledger.store.pool.snapshot()
    assert [worker.trouble(pool.at) for worker in pool.workers] == [trouble]


@pytest.mark.parametrize(
    ("busy", "poll_age", "silent", "trouble"),
    [
        (3, 0.5, 20, None),
        (100, 90, 5, None),
        (99, 20, 5, None),
        (99, 21, 0, "has room, but asked for no job for 21 s"),
        (100, 0.5, 21, "without a heartbeat for 21 s"),
    ],
)
def test_a_worker_consumes_if_it_sends_heartbeats_and_polls_or_is_full(
    ledger: Ledger, busy: int, poll_age: float, silent: float, trouble: str | None
) -> None:
    ledger.store.pool.heartbeat(replace(FIRST, busy=busy, poll_age=poll_age))
    ledger.now += silent
    pool = ledger.store.pool.snapshot()
    assert [worker.trouble(pool.at) for worker in pool.workers] == [trouble]
