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

from tasks import transport
from tasks.transport import Channel, Transport, last_poll


def channel() -> Any:
    """Without a connection, which making one would need."""
    return Channel.__new__(Channel)


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


def test_message_taken_counts_as_a_poll(monkeypatch: pytest.MonkeyPatch, long_ago: float) -> None:
    kombu_does(monkeypatch, kombu_redis.Channel, "_brpop_read", result=True)
    assert channel()._brpop_read() is True
    assert last_poll() > long_ago


def test_empty_queue_counts_as_a_poll(monkeypatch: pytest.MonkeyPatch, long_ago: float) -> None:
    kombu_does(monkeypatch, kombu_redis.Channel, "_brpop_read", Empty())
    with pytest.raises(Empty):
        channel()._brpop_read()
    assert last_poll() > long_ago


@pytest.mark.parametrize("error", [RedisConnectionError("cut"), ResponseError("WRONGTYPE")])
def test_poll_that_failed_does_not_count(
    monkeypatch: pytest.MonkeyPatch, long_ago: float, error: Exception
) -> None:
    kombu_does(monkeypatch, kombu_redis.Channel, "_brpop_read", error)
    with pytest.raises(type(error)):
        channel()._brpop_read()
    assert last_poll() == long_ago


def test_entry_that_is_not_json_is_dropped_with_a_line(
    monkeypatch: pytest.MonkeyPatch, long_ago: float, caplog: pytest.LogCaptureFixture
) -> None:
    kombu_does(monkeypatch, kombu_redis.Channel, "_brpop_read", ValueError("Expecting value"))
    assert channel()._brpop_read() is True
    assert last_poll() > long_ago
    assert caplog.messages == ["message dropped: it is not JSON (Expecting value)"]


def a_transport(monkeypatch: pytest.MonkeyPatch, error: Exception) -> tuple[Any, list[str]]:
    """A transport to which kombu cannot deliver, and what it acknowledges."""
    kombu_does(monkeypatch, kombu_redis.Transport, "_deliver", error)
    acknowledged: list[str] = []
    made = Transport.__new__(Transport)
    made.connection_errors, made.channel_errors = (OSError, KeyError), (ResponseError,)
    made.channels = [
        SimpleNamespace(qos=SimpleNamespace(_delivered={"ours"}), basic_ack=acknowledged.append)
    ]
    return made, acknowledged


@pytest.mark.parametrize("error", [KeyError("properties"), TypeError("a list"), ValueError("?")])
def test_message_that_celery_cannot_read_is_dropped_and_acknowledged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    made, acknowledged = a_transport(monkeypatch, error)
    made._deliver({"properties": {"delivery_tag": "ours"}}, "facelift")
    assert acknowledged == ["ours"]
    assert "message dropped: Celery cannot read it" in caplog.text


@pytest.mark.parametrize("message", [[], "text", None, {}, {"properties": 1}])
def test_whatever_json_holds_can_be_dropped(monkeypatch: pytest.MonkeyPatch, message: Any) -> None:
    made, acknowledged = a_transport(monkeypatch, TypeError())
    made._deliver(message, "facelift")
    assert acknowledged == []


@pytest.mark.parametrize("error", [ConnectionResetError(), ResponseError("READONLY")])
def test_connection_lost_in_delivery_is_left_to_celery(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made, acknowledged = a_transport(monkeypatch, error)
    with pytest.raises(type(error)):
        made._deliver({"properties": {"delivery_tag": "ours"}}, "facelift")
    assert acknowledged == []


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
