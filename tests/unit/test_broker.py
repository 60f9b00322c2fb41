"""Our message against the one that Celery itself sends, both read by kombu."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from facelift.client import UploadClient
from facelift.job import UPLOAD_TASK
from facelift.ledger.keys import Keys
from tasks.config import celery_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from sandbox.redis_server import RedisServer

JOB_ID = "6a0b3f0e-6a1c-4b8e-9d3c-0c1f9b7e2a11"

# What Celery adds that our message needs not: the worker reads each of them with a default.
LEFT_OUT_OF_HEADERS = {
    "group_index",  # of a member of a chord
    "origin",  # shown by Flower only
    "replaced_task_nesting",
    "shadow",  # another name to show
    "stamped_headers",
    "stamps",
}
LEFT_OUT_OF_PROPERTIES = {"reply_to"}  # there is no result to send


@pytest.fixture
def celery(redis_server: RedisServer, real_redis: Redis) -> Iterator[Celery]:  # noqa: ARG001 - it empties the server
    app = Celery("producer", set_as_current=False)
    app.conf.update(celery_settings(redis_server.url, Keys(), concurrency=1))
    yield app
    app.close()


def take(celery: Celery) -> Any:
    """The oldest message of the queue, as a worker gets it."""
    with celery.connection_for_read() as connection:
        message = connection.default_channel.basic_get("facelift")
        assert message is not None
        message.ack()
        return message


@pytest.fixture
def ours(celery: Celery, redis_server: RedisServer) -> Any:
    with UploadClient(redis_server.url) as client:
        client.enqueue("bot", "media:a.png", job_id=JOB_ID)
    return take(celery)


@pytest.fixture
def celerys(celery: Celery) -> Any:
    celery.send_task(UPLOAD_TASK, task_id=JOB_ID, ignore_result=True)
    return take(celery)


def test_headers_are_celerys(ours: Any, celerys: Any) -> None:
    headers = dict(ours.headers)
    assert headers.pop("sent_at") > 1_764_000_000  # ours alone: by it lost messages are found
    assert headers == {
        name: value for name, value in celerys.headers.items() if name not in LEFT_OUT_OF_HEADERS
    }


def test_properties_are_celerys(ours: Any, celerys: Any) -> None:
    expected = {k: v for k, v in celerys.properties.items() if k not in LEFT_OUT_OF_PROPERTIES}
    assert ours.properties | {"delivery_tag": ""} == expected | {"delivery_tag": ""}
    assert ours.delivery_tag != celerys.delivery_tag


def test_body_is_celerys_and_carries_nothing(ours: Any, celerys: Any) -> None:
    assert (ours.content_type, ours.content_encoding) == (
        celerys.content_type,
        celerys.content_encoding,
    )
    assert ours.decode() == celerys.decode()
    assert ours.decode()[:2] == [[], {}]


def test_every_message_has_a_delivery_tag_of_its_own(
    celery: Celery, redis_server: RedisServer
) -> None:
    with UploadClient(redis_server.url) as client:
        for chatbot in ("bot-1", "bot-2"):
            client.enqueue(chatbot, "media:a.png")
    assert take(celery).delivery_tag != take(celery).delivery_tag


def test_the_message_holds_nothing_of_the_job_but_its_id(
    real_redis: Redis, redis_server: RedisServer
) -> None:
    with UploadClient(redis_server.url) as client:
        client.enqueue("canary-bot", "media:canary.png", idempotency_key="canary", job_id=JOB_ID)
    stored = real_redis.lindex("facelift", 0)
    assert isinstance(stored, bytes)
    assert json.loads(stored)["headers"]["id"] == JOB_ID
    assert b"canary" not in stored
