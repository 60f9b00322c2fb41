from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import pytest
from prometheus_client import CollectorRegistry

from facelift.errors import LedgerUnavailable
from facelift.status.worker import HEARTBEAT_INTERVAL, WorkerReport
from worker.monitoring.metrics import Metrics
from worker.runtime import heartbeat
from worker.runtime.heartbeat import Heartbeat

if TYPE_CHECKING:
    from facelift.ledger.pool import Pool as RealPool


class Pool:
    """A pool that keeps what it receives."""

    def __init__(self) -> None:
        self.reports: list[WorkerReport] = []
        self.left: list[str] = []

    def heartbeat(self, report: WorkerReport) -> int:
        self.reports.append(report)
        return 1

    def leave(self, worker: str) -> None:
        self.left.append(worker)


class Clock:
    now = 1000.0


def make(pool: object, busy: int = 4, metrics: Metrics | None = None) -> Heartbeat:
    return Heartbeat(
        cast("RealPool", pool),
        metrics or Metrics(),
        WorkerReport(name="host:7", host="host", pid=7, version="1", slots=10),
        busy=lambda: busy,
        unchanged=lambda: 90.0,
        last_poll=lambda: 1058.0,
        monotonic=lambda: Clock.now,
    )


def test_it_reports_ages_by_its_own_clock_and_busy_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool()
    made = make(pool)
    monkeypatch.setattr(Clock, "now", 1060.0)
    assert made.run_once() == HEARTBEAT_INTERVAL
    (report,) = pool.reports
    assert (report.name, report.age, report.poll_age, report.busy) == ("host:7", 60.0, 2.0, 4)


@pytest.mark.parametrize(("busy", "reports"), [(0, [1000, 1010, 1020]), (4, range(1000, 1025, 5))])
def test_idle_process_reports_every_second_time(
    monkeypatch: pytest.MonkeyPatch, busy: int, reports: list[float]
) -> None:
    pool = Pool()
    monkeypatch.setattr(Clock, "now", 1000.0)
    made = make(pool, busy)
    at: list[float] = []
    while Clock.now < 1025:
        before = len(pool.reports)
        pause = made.run_once()
        at += [Clock.now] * (len(pool.reports) - before)
        monkeypatch.setattr(Clock, "now", Clock.now + pause)
    assert at == [*reports]


@pytest.mark.parametrize(("busy", "stalled"), [(9, 0.0), (10, 90.0)])
def test_a_process_stalls_while_all_slots_are_busy_and_none_changes(
    busy: int, stalled: float
) -> None:
    pool, registry = Pool(), CollectorRegistry()
    make(pool, busy, Metrics(registry)).run_once()
    assert [report.stalled for report in pool.reports] == [stalled]
    assert registry.get_sample_value("facelift_worker_stalled_seconds") == stalled


def test_it_signs_off() -> None:
    pool = Pool()
    make(pool).sign_off()
    assert pool.left == ["host:7"]


def test_unavailable_redis_does_not_delay_signing_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Gone(Pool):
        def leave(self, worker: str) -> None:
            raise LedgerUnavailable(worker)

    with caplog.at_level("INFO"):
        make(Gone()).sign_off()
    assert "could not sign off" in caplog.text


def test_frozen_redis_does_not_delay_signing_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    class Hanging(Pool):
        def leave(self, worker: str) -> None:
            released.wait(60)
            super().leave(worker)

    monkeypatch.setattr(heartbeat, "_SIGN_OFF_SECONDS", 0.05)
    pool = Hanging()
    make(pool).sign_off()
    assert pool.left == []
    released.set()
