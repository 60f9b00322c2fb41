from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from tasks.pool_status import Event, EventKind
from tasks.replies import Tick
from worker.dispatcher import Dispatcher
from worker.metrics import Metrics

if TYPE_CHECKING:
    from tasks.store import JobStore

IDLE = Tick(next_due=None, events=(), sent=0, rescued=0, set_aside=0, resent=0, expired=0)


class Agenda:
    """A ledger of which only the agenda is asked."""

    def __init__(self, *ticks: Tick) -> None:
        self.ticks = list(ticks)
        self.limits: list[int] = []

    def take_due(self, limit: int) -> Tick:
        self.limits.append(limit)
        return self.ticks.pop(0)


def dispatcher(agenda: Agenda, **options: Any) -> Dispatcher:
    return Dispatcher(cast("JobStore", agenda), Metrics(), **options)


@pytest.mark.parametrize(
    ("next_due", "pause"),
    [(None, 0.5), (60.0, 0.5), (0.5, 0.5), (0.2, 0.2), (0.0, 0.0)],
)
def test_it_looks_again_when_the_next_is_due_and_never_much_later(
    next_due: float | None, pause: float
) -> None:
    agenda = Agenda(IDLE._replace(next_due=next_due))
    assert dispatcher(agenda, longest_pause=0.5).tick() == pause


def test_it_takes_no_more_than_a_batch_and_goes_on_at_once_while_more_is_due() -> None:
    agenda = Agenda(IDLE._replace(next_due=0.0, sent=10), IDLE._replace(sent=3))
    looks = dispatcher(agenda, batch=10)
    assert looks.tick() == 0
    assert looks.tick() > 0
    assert agenda.limits == [10, 10]


@pytest.mark.parametrize(
    ("done", "level", "words"),
    [
        ({"rescued": 3}, "WARNING", "rescued from lost workers"),
        ({"set_aside": 3}, "ERROR", "set aside, each lost too many workers"),
        ({"resent": 3}, "WARNING", "message was lost, sent again"),
        ({"expired": 3}, "WARNING", "expired before they could be delivered"),
    ],
)
def test_what_an_operator_should_know_is_told(
    done: dict[str, Any], level: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher(Agenda(IDLE._replace(**done))).tick()
    (told,) = caplog.records
    assert told.levelname == level
    assert words in told.getMessage()
    assert vars(told)["fields"] == {"jobs": 3}


def test_what_happened_to_the_pool_is_told_with_whom_and_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = Event(1.0, EventKind.ACCOUNT_PAUSED, "New key.", "ana", "shop")
    dispatcher(Agenda(IDLE._replace(events=(event,)))).tick()
    (told,) = caplog.records
    assert (told.levelname, told.getMessage()) == ("WARNING", "account_paused")
    assert vars(told)["fields"] == {"account": "shop", "by": "ana", "reason": "New key."}


def test_everyday_work_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        dispatcher(Agenda(IDLE._replace(sent=100))).tick()
    assert caplog.records == []
