"""Celery's request for a wake-up message, made of messages as kombu gives them."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from celery import Celery
from celery.app.task import Context
from kombu.message import Message

from facelift.job import UPLOAD_TASK
from tasks.request import WakeUpRequest


class Channel:
    """The transport's, as far as a message needs one."""

    no_ack_consumers = None

    def __init__(self) -> None:
        self.acknowledged: list[str] = []

    def basic_ack(self, tag: str, multiple: object) -> None:
        assert not multiple
        self.acknowledged.append(tag)


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def by_loop() -> Mock:
    return Mock()


def make_request(
    channel: Channel, by_loop: Mock, *, sent: bytes = b"[[], {}, {}]", **by_celery: Any
) -> Any:
    """A request, made as Celery's strategy makes one."""
    app = Celery("test", broker="memory://", set_as_current=False)

    @app.task(name=UPLOAD_TASK, Request=WakeUpRequest)  # type: ignore[untyped-decorator] # celery is untyped
    def upload() -> None:
        raise NotImplementedError

    message = Message(  # type: ignore[no-untyped-call] # kombu is untyped
        body=sent,
        delivery_tag="tag",
        content_type="application/json",
        content_encoding="utf-8",
        headers={"id": "job-1", "task": UPLOAD_TASK},
        channel=channel,
        accept={"application/json"},
    )
    options = {"body": message.body, "headers": message.headers, "decoded": False} | by_celery
    return WakeUpRequest(message, app=app, task=upload, on_ack=by_loop, **options)


@pytest.fixture
def request_(channel: Channel, by_loop: Mock) -> Any:
    return make_request(channel, by_loop)


def test_pool_gets_the_message_as_it_was_decoded(request_: Any) -> None:
    assert request_.body is request_.message.payload
    assert request_.body == [[], {}, {}]
    assert request_.content_type is None  # or the pool would decode the body


def test_body_that_celery_decoded_of_protocol_1_is_kept(channel: Channel, by_loop: Mock) -> None:
    older = b'{"args": [], "kwargs": {}}'
    made = make_request(channel, by_loop, sent=older, body=([], {}, {}), decoded=True)
    assert made.body == ([], {}, {})


def test_task_searches_no_headers(request_: Any) -> None:
    assert Context(request_.request_dict).headers == {}


def test_message_is_acknowledged_at_once_and_not_by_the_loop(
    request_: Any, channel: Channel, by_loop: Mock
) -> None:
    request_.acknowledge()
    assert channel.acknowledged == ["tag"]
    by_loop.assert_not_called()


def test_message_is_acknowledged_once(request_: Any, channel: Channel) -> None:
    request_.acknowledge()
    request_.acknowledge()
    assert channel.acknowledged == ["tag"]
