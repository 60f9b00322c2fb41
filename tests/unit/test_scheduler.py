from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from facelift.ledger.replies import ScheduleRun
from facelift.status.pool import Event, EventKind
from worker.monitoring.metrics import Metrics
from worker.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from facelift.ledger.store import JobStore

IDLE = ScheduleRun(
    next_due=None, events=(), sent=0, recovered=0, crash_loops=0, resent=0, expired=0
)


class Schedule:
    """A ledger that only runs its schedule."""

    def __init__(self, *runs: ScheduleRun) -> None:
        self.runs = list(runs)
        self.limits: list[int] = []

    def run_schedule(self, limit: int) -> ScheduleRun:
        self.limits.append(limit)
        return self.runs.pop(0)


def scheduler(schedule: Schedule, **options: Any) -> Scheduler:
    options = {"first_due": object} | options  # by default always another
    return Scheduler(cast("JobStore", schedule), Metrics(), **options)


@pytest.mark.parametrize(
    ("next_due", "pause"),
    [(None, 0.5), (60.0, 0.5), (0.5, 0.5), (0.2, 0.2), (0.0, 0.0)],
)
def test_it_runs_again_when_the_next_job_is_due_and_never_much_later(
    next_due: float | None, pause: float
) -> None:
    schedule = Schedule(IDLE._replace(next_due=next_due))
    assert scheduler(schedule, longest_pause=0.5).run_once() == pause


def test_schedule_that_did_not_change_is_run_when_its_first_entry_is_due() -> None:
    now = [100.0]
    schedule = Schedule(IDLE._replace(next_due=2.0), IDLE)
    made = scheduler(schedule, first_due=lambda: ("job", 7.0), monotonic=lambda: now[0])
    assert made.run_once() == 0.6
    now[0] += 1.7
    assert made.run_once() == pytest.approx(0.3)
    assert len(schedule.limits) == 1
    now[0] += 0.3
    made.run_once()
    assert len(schedule.limits) == 2


def test_schedule_is_run_at_once_when_something_is_due_earlier_than_before() -> None:
    firsts = iter([None, None, ("job", 7.0)])
    schedule = Schedule(IDLE, IDLE)
    made = scheduler(schedule, first_due=lambda: next(firsts))
    made.run_once()
    made.run_once()
    assert len(schedule.limits) == 1
    made.run_once()
    assert len(schedule.limits) == 2


def test_idle_schedule_is_run_every_fifteen_seconds_for_its_events() -> None:
    now = [0.0]
    schedule = Schedule(*[IDLE] * 3)
    made = scheduler(schedule, first_due=lambda: None, monotonic=lambda: now[0])
    for _ in range(37):
        now[0] += made.run_once()
    assert len(schedule.limits) == 3


def test_it_takes_no_more_than_a_batch_and_goes_on_at_once_while_more_is_due() -> None:
    schedule = Schedule(IDLE._replace(next_due=0.0, sent=10), IDLE._replace(sent=3))
    made = scheduler(schedule, batch=10)
    assert made.run_once() == 0
    assert made.run_once() > 0
    assert schedule.limits == [10, 10]


@pytest.mark.parametrize(
    ("done", "level", "words"),
    [
        ({"recovered": 3}, "WARNING", "recovered from lost workers"),
        ({"crash_loops": 3}, "ERROR", "jobs failed, each ended too many workers"),
        ({"resent": 3}, "WARNING", "lost wake-up messages sent again"),
        ({"expired": 3}, "WARNING", "expired before delivery"),
    ],
)
def test_what_an_operator_should_know_is_logged(
    done: dict[str, Any], level: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler(Schedule(IDLE._replace(**done))).run_once()
    (line,) = caplog.records
    assert line.levelname == level
    assert words in line.getMessage()
    assert vars(line)["fields"] == {"jobs": 3}


def test_event_of_the_pool_is_logged_with_account_person_and_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = Event(1.0, EventKind.ACCOUNT_PAUSED, "New key.", "ana", "shop")
    scheduler(Schedule(IDLE._replace(events=(event,)))).run_once()
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("WARNING", "account_paused")
    assert vars(line)["fields"] == {"account": "shop", "by": "ana", "reason": "New key."}


def test_everyday_work_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        scheduler(Schedule(IDLE._replace(sent=100))).run_once()
    assert caplog.records == []
