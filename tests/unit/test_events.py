"""Events for Flower: gathered, and sent when somebody asks for it or the loop must wake."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from celery.worker import state

from worker.events import Dispatcher


@pytest.fixture
def app() -> Any:
    app = Celery("test", broker="memory://", events="worker.events:Events", set_as_current=False)
    app.conf.worker_concurrency = 2
    return app


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
    assert app.events.tick() == 0.25
    assert woken == ["woken"]


def test_a_round_without_events_wakes_nobody(app: Any) -> None:
    woken: list[str] = []
    made = dispatcher(app, woken)
    app.events.tick()
    assert woken == []
    assert made._group_buffer == {}


def test_a_full_worker_is_woken_at_once(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "reserved_requests", {"one", "two"})
    woken: list[str] = []
    made = dispatcher(app, woken)
    made.send("task-succeeded", uuid="1")
    assert woken == ["woken"]


def test_a_dispatcher_without_a_loop_sends_by_itself(app: Any) -> None:
    with app.events.default_dispatcher() as made:
        made.send("worker-online")
    assert app.events.tick() == 0.25


def test_taken_back_job_is_told_with_the_next_round(app: Any) -> None:
    woken: list[str] = []
    made = dispatcher(app, woken)
    app.events.revoked("1")
    (event,) = made._group_buffer["task"]
    assert (event["type"], event["uuid"]) == ("task-revoked", "1")
    app.events.tick()
    assert woken == ["woken"]
