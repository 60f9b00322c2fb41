"""Webhooks end to end: a real worker, and a target that sometimes fails."""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.hook import Hook
from tests.acceptance.pool import WorkerPool, worker_pool
from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.endpoint.process import EndpointProcess

pytestmark = pytest.mark.usefixtures("endpoint")

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    made = Hook(SECRET)
    yield made
    made.may_answer.set()
    made.go_down()


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str],
    endpoint_process: EndpointProcess,
    hook: Hook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerPool]:
    settings = environment | {
        "FACELIFT_KEY_PREFIX": "webhooks",
        "FACELIFT_WEBHOOK_URL": f"http+private://127.0.0.1:{hook.port}/hook",
        "FACELIFT_WEBHOOK_SECRET": SECRET,
        "FACELIFT_WEBHOOK_TIMEOUT": "500ms",
    }
    folder = tmp_path_factory.mktemp("webhooks")
    with worker_pool(folder, settings, endpoint_process, processes=1) as made:
        yield made


def enqueue(pool: WorkerPool, chatbot: str, image: str = "media:good.png") -> str:
    return pool.client.enqueue(chatbot, image).id


def until_all_are_sent(pool: WorkerPool) -> None:
    eventually(lambda: pool.status().webhooks == 0, "not all were sent")


def test_a_delivered_image_is_notified_with_a_signature(pool: WorkerPool, hook: Hook) -> None:
    record = pool.client.wait(enqueue(pool, "ann"), 30)
    until_all_are_sent(pool)
    (request,) = hook.received("ann")
    event = hook.verify(request)
    assert event["type"] == "job.succeeded"
    assert event["data"]["id"] == request.headers["webhook-id"] == record.id
    assert (event["data"]["outcome"], event["data"]["message"]) == ("delivered", record.message)
    assert event["data"]["finished_at"] == record.finished_at


def test_a_refused_image_and_a_producers_cancel_are_notified(pool: WorkerPool, hook: Hook) -> None:
    enqueue(pool, "bad", "media:portrait.jpg")
    scheduled = pool.client.enqueue("later", "media:good.png", not_before=4e9, expires_at=5e9)
    pool.client.cancel(scheduled.id)
    eventually(lambda: hook.received("bad") and hook.received("later"), "they are not notified")
    assert hook.verify(hook.received("bad")[0])["data"]["outcome"] == "image_not_square"
    assert hook.verify(hook.received("later")[0])["type"] == "job.cancelled"


def test_a_target_that_fails_twice_gets_the_same_until_it_accepts(
    pool: WorkerPool, hook: Hook
) -> None:
    hook.answer("twice", 500, 503)
    job = enqueue(pool, "twice")
    eventually(lambda: len(hook.received("twice")) == 3, "it is not sent three times")
    until_all_are_sent(pool)
    attempts = hook.received("twice")
    assert len(attempts) == 3
    assert {each.headers["webhook-id"] for each in attempts} == {job}
    assert len({each.body for each in attempts}) == 1
    assert all(map(hook.verify, attempts))

    def failed() -> list[str]:
        return [line for line in pool.lines(f"job={job}") if "webhook failed" in line]

    eventually(lambda: len(failed()) == 2, "its failures are not logged")
    assert [re.findall("answered ([0-9]+)", line) for line in failed()] == [["500"], ["503"]]
    stored = pool.redis.hgetall(pool.keys.job(job))
    assert not [field for field in stored if "webhook" in field]


def test_gone_is_given_up_at_once(pool: WorkerPool, hook: Hook) -> None:
    hook.answer("gone", 410)
    job = enqueue(pool, "gone")
    eventually(lambda: pool.lines("webhook given up"), "it is not given up")
    until_all_are_sent(pool)
    assert len(hook.received("gone")) == 1
    (line,) = pool.lines("webhook given up")
    assert f'job={job} attempt=1 reason="the target answered 410"' in line


def test_a_redirect_is_not_followed(pool: WorkerPool, hook: Hook) -> None:
    hook.answer("moved", 307, 301, Location=f"http://127.0.0.1:{hook.port}/elsewhere")
    enqueue(pool, "moved")
    eventually(lambda: len(hook.received("moved")) == 3, "it is not sent again")
    assert hook.paths == {"/hook"}


def test_a_target_that_was_down_gets_the_webhook_once_it_is_back(
    pool: WorkerPool, hook: Hook
) -> None:
    until_all_are_sent(pool)
    hook.go_down()
    job = enqueue(pool, "down")
    eventually(lambda: pool.lines("the target is not available"), "no attempt failed")
    assert pool.client.wait(job, 30).outcome == "delivered"
    assert pool.status().webhooks == 1
    hook.come_back()
    until_all_are_sent(pool)
    assert len(hook.received("down")) == 1


def test_a_target_that_hangs_delays_no_upload(pool: WorkerPool, hook: Hook) -> None:
    hook.may_answer.clear()
    first = pool.enqueue("default", 8)
    eventually(lambda: pool.status().webhooks == 8, "they do not wait")
    more = pool.enqueue("default", 40)
    assert pool.outcomes(first + more) == {"delivered"}
    assert pool.status().webhooks == 48
    hook.may_answer.set()
    until_all_are_sent(pool)
    assert all(hook.received(each.chatbot_id) for each in pool.records(first + more))


def test_a_worker_that_dies_in_between_loses_no_webhook(pool: WorkerPool, hook: Hook) -> None:
    hook.may_answer.clear()
    enqueue(pool, "lost")
    eventually(lambda: hook.received("lost"), "it is not sent")
    (child,) = pool.workers.children
    child.kill()
    child.wait(10)  # or it may live to get the answer
    assert pool.status().webhooks == 1
    hook.may_answer.set()
    until_all_are_sent(pool)
    first, *others = hook.received("lost")
    assert others
    assert {each.headers["webhook-id"] for each in others} == {first.headers["webhook-id"]}
