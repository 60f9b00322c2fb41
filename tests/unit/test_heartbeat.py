from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from facelift.errors import LedgerUnavailable
from facelift.status.worker import HEARTBEAT_INTERVAL, WorkerReport
from worker.monitoring.metrics import Metrics
from worker.runtime import heartbeat
from worker.runtime.heartbeat import Heartbeat

if TYPE_CHECKING:
    import pytest

    from facelift.ledger.pool import Pool


class Told:
    """A pool that listens."""

    def __init__(self) -> None:
        self.beats: list[WorkerReport] = []
        self.left: list[str] = []

    def heartbeat(self, beat: WorkerReport) -> None:
        self.beats.append(beat)

    def leave(self, worker: str) -> None:
        self.left.append(worker)


class Clock:
    now = 1000.0


def make(pool: object) -> Heartbeat:
    return Heartbeat(
        cast("Pool", pool),
        Metrics(),
        name="host:7",
        host="host",
        pid=7,
        version="1",
        slots=10,
        busy=lambda: 4,
        last_poll=lambda: 1058.0,
        monotonic=lambda: Clock.now,
    )


def test_it_tells_ages_by_its_own_clock_and_what_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Told()
    made = make(pool)
    monkeypatch.setattr(Clock, "now", 1060.0)
    assert made.run_once() == HEARTBEAT_INTERVAL
    (beat,) = pool.beats
    assert (beat.name, beat.age, beat.poll_age, beat.busy) == ("host:7", 60.0, 2.0, 4)


def test_it_takes_leave() -> None:
    pool = Told()
    make(pool).leave()
    assert pool.left == ["host:7"]


def test_a_redis_that_is_gone_does_not_keep_it_from_leaving(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Gone(Told):
        def leave(self, worker: str) -> None:
            raise LedgerUnavailable(worker)

    with caplog.at_level("INFO"):
        make(Gone()).leave()
    assert "could not take leave" in caplog.text


def test_a_redis_that_hangs_does_not_keep_it_from_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    class Hanging(Told):
        def leave(self, worker: str) -> None:
            released.wait(60)
            super().leave(worker)

    monkeypatch.setattr(heartbeat, "_TAKE_LEAVE", 0.05)
    pool = Hanging()
    make(pool).leave()
    assert pool.left == []
    released.set()
