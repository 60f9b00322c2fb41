"""Celery's request for a doorbell, made of messages as kombu gives them."""

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


def ring(
    channel: Channel, by_loop: Mock, *, sent: bytes = b"[[], {}, {}]", **by_celery: Any
) -> Any:
    """A doorbell, made as Celery's strategy makes one."""
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
def doorbell(channel: Channel, by_loop: Mock) -> Any:
    return ring(channel, by_loop)


def test_the_pool_is_given_the_message_as_it_was_decoded_before(doorbell: Any) -> None:
    assert doorbell.body is doorbell.message.payload
    assert doorbell.body == [[], {}, {}]
    assert doorbell.content_type is None  # or the pool would decode the body


def test_what_celery_made_of_an_older_form_of_message_is_kept(
    channel: Channel, by_loop: Mock
) -> None:
    older = b'{"args": [], "kwargs": {}}'
    made = ring(channel, by_loop, sent=older, body=([], {}, {}), decoded=True)
    assert made.body == ([], {}, {})


def test_the_task_looks_for_no_headers_of_its_own(doorbell: Any) -> None:
    assert Context(doorbell.request_dict).headers == {}


def test_it_is_acknowledged_at_once_and_not_by_the_loop(
    doorbell: Any, channel: Channel, by_loop: Mock
) -> None:
    doorbell.acknowledge()
    assert channel.acknowledged == ["tag"]
    by_loop.assert_not_called()


def test_it_is_acknowledged_once(doorbell: Any, channel: Channel) -> None:
    doorbell.acknowledge()
    doorbell.acknowledge()
    assert channel.acknowledged == ["tag"]
