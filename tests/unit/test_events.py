"""Events for Flower: gathered, and sent when somebody asks for it or the loop must wake."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from tasks import transport
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


def test_a_round_without_events_wakes_nobody(app: Any) -> None:
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
def test_loop_that_asks_for_messages_is_left_alone(
    app: Any, loop: Loop, monkeypatch: pytest.MonkeyPatch, polls: object, event: str
) -> None:
    monkeypatch.setattr("tasks.events.is_polling", lambda: polls)
    dispatcher(app, []).send(event, uuid="1")
    assert loop.woken == 0


def test_a_dispatcher_without_a_loop_sends_by_itself(app: Any) -> None:
    with app.events.default_dispatcher() as made:
        made.send("worker-online")
    assert app.events.run_once() == 0.25


def test_taken_back_job_is_told_with_the_next_round(app: Any) -> None:
    woken: list[str] = []
    made = dispatcher(app, woken)
    app.events.revoked("1")
    (event,) = made._group_buffer["task"]
    assert (event["type"], event["uuid"]) == ("task-revoked", "1")
    app.events.run_once()
    assert woken == ["woken"]


class Producer:
    """Redis' part: it tells how many an event reached, if it can."""

    def __init__(self) -> None:
        self.reached: int | None = 0
        self.published: list[Any] = []

    def publish(self, event: Any, **_: object) -> None:
        self.published.append(event)
        if self.reached is not None:
            transport._count_listeners(self.reached)


@pytest.fixture
def producer() -> Producer:
    return Producer()


@pytest.fixture
def publish(app: Any, producer: Producer) -> Any:
    made = dispatcher(app, [])
    made.producer = producer

    def publish(*uuids: str) -> list[list[str]]:
        producer.published.clear()
        for uuid in uuids:
            made.send("task-started", uuid=uuid)
        made.flush()
        return [[event["uuid"] for event in batch] for batch in producer.published]

    return publish


def test_while_nobody_watches_one_event_of_each_round_is_sent(publish: Any) -> None:
    assert publish("1", "2") == [["1", "2"]]
    assert publish("3", "4") == [["3"]]
    assert publish("5") == [["5"]]


def test_whoever_begins_to_watch_gets_all_from_then_on(publish: Any, producer: Producer) -> None:
    publish("1", "2")
    publish("3", "4")
    producer.reached = 1
    assert publish("5", "6", "7") == [["5"], ["6", "7"]]
    assert publish("8", "9") == [["8", "9"]]


def test_where_it_is_not_told_who_watches_all_is_sent(publish: Any, producer: Producer) -> None:
    publish("1", "2")
    producer.reached = None
    assert publish("3", "4") == [["3"], ["4"]]
    assert publish("5", "6") == [["5", "6"]]
