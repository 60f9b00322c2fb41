"""The main job, end to end: the outcome of an enqueued image."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from celery import Celery
from redis import Redis

from tests.acceptance.world import CANARY, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facelift import JobRecord, UploadClient
    from sandbox.endpoint.process import EndpointProcess
    from sandbox.redis_server import RedisServer
    from tests.acceptance.world import WorkerProcess

pytestmark = pytest.mark.usefixtures("shared_worker", "endpoint")


def deliver(
    client: UploadClient, chatbot: str, image: str = "media:good.png", **fields: Any
) -> JobRecord:
    return client.wait(client.enqueue(chatbot, image, **fields).id, timeout=30)


@pytest.fixture
def raw(ledger_redis: RedisServer) -> Iterator[Any]:
    with Redis.from_url(ledger_redis.url, decode_responses=True) as redis:
        yield redis


def test_image_arrives_byte_for_byte(
    client: UploadClient, endpoint: EndpointProcess, media: Path
) -> None:
    record = deliver(client, "bot-1")
    assert (record.state, record.outcome, record.http_status) == ("succeeded", "delivered", 200)
    assert endpoint.image("bot-1") == (media / "good.png").read_bytes()


def test_two_500s_then_200_are_three_recorded_attempts(
    client: UploadClient, endpoint: EndpointProcess
) -> None:
    endpoint.add_rule("bot-1", "status", status=500, times=2)
    record = deliver(client, "bot-1")
    assert record.outcome == "delivered"
    assert [(each.http_status, each.code, each.decision) for each in record.attempts] == [
        (500, "server_error", "retry"),
        (500, "server_error", "retry"),
        (200, "delivered", "succeed"),
    ]
    first, second, _ = record.attempts
    assert first.next_at is not None
    assert first.started_at + first.duration <= first.next_at <= second.started_at
    assert "500" in first.reason


def test_attempts_run_out(client: UploadClient, endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=503)
    record = deliver(client, "bot-1")
    assert (record.state, record.outcome, record.http_status) == (
        "failed",
        "retries_exhausted",
        503,
    )
    assert record.attempts_used == len(endpoint.arrivals()) == 3
    assert "503" in record.message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (403, "forbidden"),
        (404, "chatbot_not_found"),
        (410, "endpoint_gone"),
        (413, "image_refused"),
        (415, "image_refused"),
        (422, "image_refused"),
        (302, "unexpected_redirect"),
        (418, "rejected"),
    ],
)
def test_final_answer_fails_the_job_at_once(
    client: UploadClient, endpoint: EndpointProcess, status: int, code: str
) -> None:
    endpoint.add_rule("bot-1", "status", status=status)
    record = deliver(client, "bot-1")
    assert (record.state, record.outcome, record.http_status) == ("failed", code, status)
    assert len(endpoint.arrivals()) == 1


def test_retry_after_is_obeyed_and_consumes_no_attempt(
    client: UploadClient, endpoint: EndpointProcess
) -> None:
    endpoint.add_rule("bot-1", "status", status=429, times=1, headers={"Retry-After": "1"})
    record = deliver(client, "bot-1")
    first, second = record.attempts
    assert (first.code, first.counted, record.attempts_used) == ("rate_limited", False, 1)
    assert second.started_at - (first.started_at + first.duration) >= 1


@pytest.mark.parametrize(
    ("fault", "times", "code"),
    [
        # Twice: a request over a connection that was used before is sent again at once.
        ("reset", 2, "connection_lost"),
        ("close_after_accept", 2, "connection_lost"),
        ("invalid_json", 1, "delivered"),
        ("truncated_body", 1, "connection_lost"),
    ],
)
def test_odd_connections_end_in_a_delivery(
    client: UploadClient, endpoint: EndpointProcess, fault: str, times: int, code: str
) -> None:
    endpoint.add_rule("bot-1", fault, times=times)
    record = deliver(client, "bot-1")
    assert record.outcome == "delivered"
    assert record.attempts[0].code == code


def test_slow_endpoint_ends_in_a_timeout_and_another_attempt(
    client: UploadClient, endpoint: EndpointProcess
) -> None:
    endpoint.add_rule("bot-1", "delay", seconds=5, times=1)
    record = deliver(client, "bot-1")
    assert [each.code for each in record.attempts] == ["timeout", "delivered"]
    assert 1.5 < record.attempts[0].duration < 4


def test_bad_image_is_refused_before_any_request(
    client: UploadClient, endpoint: EndpointProcess, media: Path
) -> None:
    (media / "text.png").write_text("not an image")
    record = deliver(client, "bot-1", "media:text.png")
    assert (record.state, record.outcome) == ("failed", "image_not_an_image")
    assert endpoint.arrivals() == []


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "link.png", "missing.png"])
def test_path_never_leaves_its_store(
    client: UploadClient, endpoint: EndpointProcess, media: Path, path: str
) -> None:
    (media.parent / "secret.png").write_bytes((media / "good.png").read_bytes())
    if not (media / "link.png").is_symlink():
        (media / "link.png").symlink_to(media.parent / "secret.png")
    record = deliver(client, "bot-1", f"media:{path}")
    assert record.outcome in {"image_outside_store", "image_not_found"}
    assert endpoint.arrivals() == []


def test_unknown_store_and_account_fail_by_name(client: UploadClient) -> None:
    store = deliver(client, "bot-1", "attic:a.png")
    assert (store.outcome, "'attic'" in store.message) == ("unknown_store", True)
    account = deliver(client, "bot-1", account="acme")
    assert (account.outcome, "'acme'" in account.message) == ("unknown_account", True)


def test_changed_image_is_not_sent(client: UploadClient) -> None:
    assert deliver(client, "bot-1", sha256="0" * 64).outcome == "image_changed"


def test_newest_of_many_quick_uploads_is_the_one_that_stays(
    client: UploadClient, endpoint: EndpointProcess, media: Path
) -> None:
    endpoint.add_rule("bot-1", "delay", seconds=0.3)
    jobs = [client.enqueue("bot-1", "media:good.png") for _ in range(8)]
    jobs.append(client.enqueue("bot-1", "media:other.png"))
    records = [client.wait(job.id, 30) for job in jobs]
    assert records[-1].outcome == "delivered"
    assert endpoint.image("bot-1") == (media / "other.png").read_bytes()
    assert sum(record.outcome == "superseded" for record in records) >= 6
    assert endpoint.stats()["overlapped"] == 0


def test_anyone_can_read_the_status_with_hgetall(client: UploadClient, raw: Any) -> None:
    record = deliver(client, "bot-1")
    stored: dict[str, str] = raw.hgetall("{facelift}:job:" + record.id)
    assert stored["state"] == "succeeded"
    assert stored["outcome"] == "delivered"
    assert stored["http_status"] == "200"
    assert "duration" in json.loads(stored["attempt:1"])


GARBAGE = {
    "not JSON": "garbage",
    "not text": b"\xff\xfe\x00",
    "no object": "[]",
    "empty": "{}",
    "no body": '{"headers":{},"properties":{}}',
    "unreadable body": json.dumps(
        {
            "body": "!!",
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": "facelift.upload", "id": "x"},
            "properties": {
                "body_encoding": "base64",
                "delivery_tag": "t1",
                "delivery_info": {"exchange": "", "routing_key": "facelift"},
            },
        }
    ),
}


def celery_message(task: str, task_id: str, body: object) -> str:
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": task, "id": task_id, "lang": "py", "root_id": task_id},
            "properties": {
                "body_encoding": "base64",
                "correlation_id": task_id,
                "delivery_tag": f"tag-{task_id}",
                "delivery_info": {"exchange": "", "routing_key": "facelift"},
            },
        }
    )


GARBAGE |= {
    "unknown task": celery_message("other.task", "u1", [[], {}, {}]),
    "unknown job": celery_message("facelift.upload", "nobody", [[], {}, {}]),
    "odd arguments": celery_message("facelift.upload", "u2", [[1, 2], {"x": 1}, {}]),
    "odd body": celery_message("facelift.upload", "u3", {"x": 1}),
    "no id": celery_message("facelift.enqueue", "", [[], {}, {}]),
    "odd id": celery_message("facelift.enqueue", "../x y", [[], {}, {}]),
}


@pytest.mark.parametrize("kind", sorted(GARBAGE))
def test_malformed_message_is_dropped_and_the_worker_lives(
    client: UploadClient, raw: Any, shared_worker: WorkerProcess, kind: str
) -> None:
    raw.lpush("facelift", GARBAGE[kind])
    assert deliver(client, "bot-1").outcome == "delivered"
    assert shared_worker.process.poll() is None
    eventually(lambda: not raw.exists("{facelift}:unacked"), "it is not acknowledged")


@pytest.fixture
def stranger(ledger_redis: RedisServer) -> Iterator[Celery]:
    """A Celery application that knows nothing of ours but the names."""
    with Celery("stranger", broker=ledger_redis.url, set_as_current=False) as app:
        yield app


def send(stranger: Celery, **fields: Any) -> str:
    task_id = str(uuid.uuid4())
    stranger.send_task("facelift.enqueue", kwargs=fields, queue="facelift", task_id=task_id)
    return task_id


def test_celery_task_enqueues_under_its_task_id(
    client: UploadClient, stranger: Celery, raw: Any, endpoint: EndpointProcess
) -> None:
    task_id = send(stranger, chatbot_id="bot-1", image="media:good.png")
    eventually(lambda: raw.exists("{facelift}:job:" + task_id), "the job was not recorded")
    assert client.wait(task_id).outcome == "delivered"
    stranger.send_task(
        "facelift.enqueue",
        kwargs={"chatbot_id": "bot-1", "image": "media:good.png"},
        queue="facelift",
        task_id=task_id,
    )
    eventually(lambda: raw.llen("facelift") == 0, "the second message was not taken")
    assert deliver(client, "bot-2").outcome == "delivered"
    assert len([each for each in endpoint.arrivals() if each.chatbot_id == "bot-1"]) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"chatbot_id": " ", "image": "media:a.png"}, "chatbot_id: must not be blank"),
        ({"chatbot_id": "bot-1"}, "image: is missing"),
        ({"chatbot_id": "bot-1", "image": "a.png"}, "image: must be <store>:<path>"),
        ({"chatbot_id": "bot-1", "image": "media:a.png", "size": 3}, "'size': is not a field"),
        ({"chatbot_id": 7, "image": "media:a.png"}, "chatbot_id: must be text"),
    ],
)
def test_celery_task_with_bad_fields_is_recorded_as_invalid(
    client: UploadClient, stranger: Celery, raw: Any, fields: dict[str, Any], expected: str
) -> None:
    task_id = send(stranger, **fields)
    eventually(lambda: raw.exists("{facelift}:job:" + task_id), "nothing was recorded")
    record = client.wait(task_id)
    assert (record.state, record.outcome) == ("failed", "invalid_job")
    assert expected in record.message


def test_celery_task_with_bad_fields_counts_in_its_batch(
    client: UploadClient, stranger: Celery, raw: Any
) -> None:
    task_id = send(stranger, chatbot_id="bot-1", batch="logos")
    eventually(lambda: raw.exists("{facelift}:job:" + task_id), "nothing was recorded")
    assert client.batch("logos").codes == {"invalid_job": 1}


def test_key_stays_in_the_worker(
    client: UploadClient,
    endpoint: EndpointProcess,
    shared_worker: WorkerProcess,
    raw: Any,
) -> None:
    endpoint.add_rule("bot-1", "status", status=500, times=1, body=f"leak {CANARY}")
    endpoint.add_rule("bot-2", "status", status=403, body=f"leak Bearer {CANARY}")
    deliver(client, "bot-1")
    deliver(client, "bot-2")
    dump = shared_worker.log
    for key in raw.keys("*"):
        kind = raw.type(key)
        dump += key + str(raw.hgetall(key) if kind == "hash" else "")
        dump += str(raw.lrange(key, 0, -1) if kind == "list" else "")
    for form in (CANARY, base64.b64encode(CANARY.encode()).decode(), quote(CANARY)):
        assert form not in dump
