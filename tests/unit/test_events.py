"""Events for Flower: buffered, and published in rounds or when the loop must wake."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from tasks.events import Dispatcher


@pytest.fixture
def app() -> Any:
    return Celery("test", broker="memory://", events="tasks.events:Events", set_as_current=False)


class Loop:
    """The consumer's."""

    woken = 0

    def call_soon(self, _: object) -> None:
        self.woken += 1


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr("tasks.events.get_event_loop", lambda: made)
    return made


def dispatcher(app: Any, woken: list[str]) -> Any:
    made = app.events.Dispatcher(
        app.connection_for_write(),
        buffer_group=["task"],
        on_send_buffered=lambda: woken.append("woken"),
    )
    assert isinstance(made, Dispatcher)
    return made


def test_an_event_waits_for_the_next_round(app: Any) -> None:
    woken: list[str] = []
    made = dispatcher(app, woken)
    made.send("task-started", uuid="1")
    assert woken == []
    assert app.events.run_once() == 0.25
    assert woken == ["woken"]


def test_a_round_without_events_wakes_no_loop(app: Any) -> None:
    woken: list[str] = []
    made = dispatcher(app, woken)
    app.events.run_once()
    assert woken == []
    assert made._group_buffer == {}


@pytest.mark.parametrize("end", ["task-succeeded", "task-failed", "task-retried"])
def test_loop_that_had_no_free_slot_is_woken_by_the_end_of_a_task(
    app: Any, loop: Loop, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("tasks.events.is_polling", lambda: False)
    dispatcher(app, []).send(end, uuid="1")
    assert loop.woken == 1


@pytest.mark.parametrize(("polls", "event"), [(True, "task-succeeded"), (False, "task-started")])
def test_polling_loop_is_not_woken(
    app: Any, loop: Loop, monkeypatch: pytest.MonkeyPatch, polls: object, event: str
) -> None:
    monkeypatch.setattr("tasks.events.is_polling", lambda: polls)
    dispatcher(app, []).send(event, uuid="1")
    assert loop.woken == 0


def test_a_dispatcher_without_a_loop_sends_by_itself(app: Any) -> None:
    with app.events.default_dispatcher() as made:
        made.send("worker-online")
    assert app.events.run_once() == 0.25


def test_revoked_job_is_sent_with_the_next_round(app: Any) -> None:
    woken: list[str] = []
    made = dispatcher(app, woken)
    app.events.revoked("1")
    (event,) = made._group_buffer["task"]
    assert (event["type"], event["uuid"]) == ("task-revoked", "1")
    app.events.run_once()
    assert woken == ["woken"]
