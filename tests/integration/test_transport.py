"""Our transport on a real Redis: which messages it copies, and which it puts back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from celery.worker import state
from kombu import connection as kombu_connection
from kombu import entity, messaging
from redis import Redis

from facelift.client import UploadClient
from facelift.job import ENQUEUE_TASK
from facelift.ledger.broker import broker_settings
from facelift.ledger.keys import Keys
from tasks import transport
from tasks.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.redis_server import RedisServer

pytestmark = pytest.mark.usefixtures("real_redis")

# Kombu is untyped.
Connection: Any = kombu_connection.Connection
Consumer: Any = messaging.Consumer
Producer: Any = messaging.Producer
Queue: Any = entity.Queue

QUEUE = Queue("facelift", routing_key="facelift")
KEYS = Keys()
OPTIONS = broker_settings("redis://unused", KEYS)["broker_transport_options"] | {
    "queue": "facelift"
}


@pytest.fixture
def raw(redis_server: RedisServer) -> Iterator[Any]:
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def connection(redis_server: RedisServer) -> Iterator[Any]:
    with Connection(redis_server.url, transport=Transport, transport_options=OPTIONS) as made:
        yield made


def take_some(connection: Any) -> list[Any]:
    """What one poll brings: messages, with their channel."""
    taken: list[Any] = []
    channel = connection.channel()
    consumer = Consumer(
        channel, [QUEUE], callbacks=[lambda _, message: taken.append(message)], accept=["json"]
    )
    with consumer:
        connection.drain_events(timeout=5)
    return taken


def take(connection: Any) -> Any:
    """The first of them."""
    return take_some(connection)[0]


def enqueue(redis_server: RedisServer) -> str:
    with UploadClient(redis_server.url) as client:
        return client.enqueue("bot", "media:a.png").id


def job_on_queue(raw: Any) -> str | None:
    found = raw.lindex("facelift", -1)
    return None if found is None else str(json.loads(found)["headers"]["id"])


def test_wake_up_message_is_not_copied(
    redis_server: RedisServer, raw: Any, connection: Any
) -> None:
    enqueue(redis_server)
    message = take(connection)
    assert raw.exists(KEYS.unacked, KEYS.unacked_index) == 0
    message.ack()
    message.channel.close()
    assert job_on_queue(raw) is None


def test_requeued_wake_up_message_goes_back(
    redis_server: RedisServer, raw: Any, connection: Any
) -> None:
    job = enqueue(redis_server)
    message = take(connection)
    assert job_on_queue(raw) is None
    message.requeue()
    assert job_on_queue(raw) == job


def test_unacknowledged_wake_up_message_goes_back_at_shutdown(
    redis_server: RedisServer, raw: Any, connection: Any
) -> None:
    job = enqueue(redis_server)
    message = take(connection)
    message.channel.close()
    assert job_on_queue(raw) == job
    assert raw.llen("facelift") == 1


def test_producers_message_is_copied_until_it_is_acknowledged(raw: Any, connection: Any) -> None:
    producer = Producer(connection.channel(), routing_key="facelift")
    body = [[], {"chatbot_id": "bot"}, {}]
    producer.publish(body, headers={"task": ENQUEUE_TASK, "id": "1"}, declare=[QUEUE])
    message = take(connection)
    assert raw.hlen(KEYS.unacked) == 1
    message.ack()
    assert raw.exists(KEYS.unacked, KEYS.unacked_index) == 0


@pytest.fixture
def backlog(redis_server: RedisServer, raw: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs on a queue that more than one message lies on, however slow this machine is."""
    monkeypatch.setattr(transport, "_BACKLOG", 60.0)
    raw.ping()
    with UploadClient(redis_server.url) as client:
        return [client.enqueue(f"bot-{n}", "media:a.png").id for n in range(6)]


@pytest.mark.parametrize(("slots", "more"), [(0, 0), (2, 0), (5, 3), (100, 5)])
def test_of_a_backlog_as_many_messages_are_taken_as_slots_are_free(
    redis_server: RedisServer,
    backlog: list[str],
    slots: int,
    more: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state, "reserved_requests", {"one", "another"})
    options = OPTIONS | {"slots": slots}
    with Connection(redis_server.url, transport=Transport, transport_options=options) as connection:
        taken = [message.headers["id"] for message in take_some(connection)]
    assert taken == backlog[: 1 + more]


def test_of_a_queue_that_was_empty_one_message_is_taken(
    redis_server: RedisServer, backlog: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_BACKLOG", 0.0)  # as if the poll had waited for long
    options = OPTIONS | {"slots": 100}
    with Connection(redis_server.url, transport=Transport, transport_options=options) as connection:
        assert [message.headers["id"] for message in take_some(connection)] == backlog[:1]


def test_an_entry_that_is_not_json_does_not_keep_a_backlog(
    redis_server: RedisServer, raw: Any, backlog: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    raw.linsert("facelift", "before", raw.lindex("facelift", -2), "{")  # third to be taken
    options = OPTIONS | {"slots": 100}
    with Connection(redis_server.url, transport=Transport, transport_options=options) as connection:
        assert [message.headers["id"] for message in take_some(connection)] == backlog
    assert caplog.messages[0] == "message refused: the message is not JSON"


@pytest.mark.parametrize("kept_by", ["a neighbour", "a worker of ours"])
def test_only_our_own_overdue_messages_are_given_back(
    redis_server: RedisServer, raw: Any, kept_by: str
) -> None:
    """A neighbour's task may run for longer than our visibility timeout."""
    body = [[], {"chatbot_id": "bot"}, {}]
    queue = QUEUE if kept_by == "a worker of ours" else Queue("shop", routing_key="shop")
    ours = {"transport": Transport, "transport_options": OPTIONS}
    options: dict[str, Any] = ours if queue is QUEUE else {}
    with Connection(redis_server.url, **options) as keeper:
        headers = {"task": ENQUEUE_TASK, "id": "1"}
        Producer(keeper.channel()).publish(
            body, routing_key=queue.name, headers=headers, declare=[queue]
        )
        taken: list[Any] = []
        channel = keeper.channel()
        with Consumer(channel, [queue], callbacks=[lambda _, message: taken.append(message)]):
            keeper.drain_events(timeout=5)
        assert len(taken) == 1
        impatient = OPTIONS | {"visibility_timeout": -1}
        with Connection(redis_server.url, transport=Transport, transport_options=impatient) as we:
            we.channel().qos.restore_visible(num=10, interval=1)
        restored = int(queue is QUEUE)
        assert raw.llen(queue.name) == restored
        assert raw.hlen("unacked") == 1 - restored
        taken[0].ack()
