from __future__ import annotations

import time
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import redis as kombu_redis
from kombu.utils import functional
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from facelift.job import UPLOAD_TASK
from facelift.ledger.broker import PRIORITIES, priority_list
from tasks import transport
from tasks.message import TaskMessage
from tasks.transport import Channel, Transport, last_poll

WAKE_UP = TaskMessage(UPLOAD_TASK, "job-1")


class Client:
    """A Redis client that answers a poll."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.connection = SimpleNamespace(disconnect=lambda: None)

    def parse_response(self, *_: object) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def channel(answer: Any = None, received: list[Any] | None = None) -> Any:
    """Without a connection, which making one would need."""
    made = Channel.__new__(Channel)
    made.client, made.connection_errors = Client(answer), (RedisConnectionError,)
    receive = [].append if received is None else received.append
    made.connection = SimpleNamespace(receive=lambda message, _: receive(message))
    return made


def kombu_does(monkeypatch: pytest.MonkeyPatch, owner: type, method: str, result: Any) -> None:
    """Have kombu's own method return `result`, or raise it."""

    def replacement(*_: object, **__: object) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(owner, method, replacement)


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> float:
    moment = time.monotonic() - 60
    monkeypatch.setattr(transport, "_last_poll", moment)
    return moment


def test_message_taken_counts_as_a_poll(long_ago: float) -> None:
    received: list[Any] = []
    item = b'{"headers": {"task": "facelift.upload", "id": "job-1"}}'
    assert channel((b"facelift", item), received)._brpop_read() is True
    assert [message.id for message in received] == ["job-1"]
    assert last_poll() > long_ago


def test_empty_queue_counts_as_a_poll(long_ago: float) -> None:
    with pytest.raises(Empty):
        channel()._brpop_read()
    assert last_poll() > long_ago


@pytest.mark.parametrize("error", [RedisConnectionError("cut"), ResponseError("WRONGTYPE")])
def test_poll_that_failed_does_not_count(long_ago: float, error: Exception) -> None:
    with pytest.raises(type(error)):
        channel(error)._brpop_read()
    assert last_poll() == long_ago


def test_entry_that_is_not_json_is_refused_with_a_line_and_noted(
    long_ago: float, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    monkeypatch.setattr(transport, "_listener", lambda refused: noted.append(refused.reason))
    assert channel((b"facelift", b"{"))._brpop_read() is True
    assert last_poll() > long_ago
    assert caplog.messages == ["message refused: the message is not JSON"]
    assert noted == ["the message is not JSON"]


def a_transport(monkeypatch: pytest.MonkeyPatch, error: Exception) -> tuple[Any, list[str]]:
    """A transport to which kombu cannot deliver, and what it acknowledges."""
    kombu_does(monkeypatch, kombu_redis.Transport, "_deliver", error)
    acknowledged: list[str] = []
    made = Transport.__new__(Transport)
    made.connection_errors, made.channel_errors = (OSError, KeyError), (ResponseError,)
    made.channels = [
        SimpleNamespace(
            qos=SimpleNamespace(_delivered={WAKE_UP.tag}), basic_ack=acknowledged.append
        )
    ]
    return made, acknowledged


@pytest.mark.parametrize("error", [KeyError("properties"), TypeError("a list"), ValueError("?")])
def test_message_that_celery_cannot_read_is_refused_and_acknowledged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    made, acknowledged = a_transport(monkeypatch, error)
    made.receive(WAKE_UP, "facelift")
    assert acknowledged == [WAKE_UP.tag]
    assert "message refused: Celery cannot read it" in caplog.text


@pytest.mark.parametrize("error", [ConnectionResetError(), ResponseError("READONLY")])
def test_connection_lost_in_delivery_is_left_to_celery(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made, acknowledged = a_transport(monkeypatch, error)
    with pytest.raises(type(error)):
        made.receive(WAKE_UP, "facelift")
    assert acknowledged == []


def test_lists_of_producers_and_of_wake_up_messages_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    made = channel()
    made.priority_steps = [0, 1, 2]
    monkeypatch.setattr(
        kombu_redis.Channel, "_brpop_start", lambda self: asked.append(self.priority_steps)
    )
    for _ in range(3):
        made._brpop_start()
    assert asked == [[0, 1, 2], [1, 2, 0], [0, 1, 2]]
    assert made.priority_steps == [0, 1, 2]


def test_failed_consuming_does_not_start_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(transport, "_last_start", -60.0)
    monkeypatch.setattr("tasks.transport.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("tasks.transport.time.sleep", pauses.append)
    kombu_does(monkeypatch, kombu_redis.Transport, "register_with_event_loop", ResponseError("no"))
    made = Transport.__new__(Transport)
    for _ in range(2):
        with pytest.raises(ResponseError):
            made.register_with_event_loop(None, None)
    assert pauses == [0, 2]


def test_worker_reconnects_within_seconds_however_long_redis_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(functional, "sleep", lambda _: None)

    def record(_error: Exception, wait: float) -> None:
        waits.append(wait)

    app = Celery("test", amqp="tasks.transport:Amqp", set_as_current=False)
    app.conf.update(broker_url="redis://127.0.0.1:1/0")
    with pytest.raises(OperationalError):
        app.connection_for_read().ensure_connection(record, 9)
    assert len(waits) == 9
    assert max(waits) == 5


def test_own_queue_is_polled_beside_the_lists_of_all_priorities() -> None:
    made = channel()
    made.own_queue = "mine"
    steps = made.priority_steps = [*PRIORITIES]
    lists = {priority_list("facelift", each) for each in PRIORITIES} | {"mine"}
    for turned in ([*steps, -1], [*steps[1:], -1, 0]):
        made.priority_steps = turned
        assert {made._q_for_pri("facelift", each) for each in turned} == lists
