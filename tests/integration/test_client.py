from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from facelift.asset import Asset
from facelift.client import UploadClient
from facelift.errors import InvalidJob, JobNotFound, LedgerRefused
from facelift.job import Priority, UploadJob
from facelift.operations.enqueue import IdempotencyConflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.redis_server import RedisServer

SHA256 = "0123456789abcdef" * 4


def test_an_enqueued_job_is_answered_with_its_record(client: UploadClient, redis: Any) -> None:
    record = client.enqueue("bot", "media:a.png", account="shop", sha256=SHA256)
    assert (record.state, record.chatbot_id, record.image) == ("queued", "bot", "media:a.png")
    assert (record.account, record.sha256) == ("shop", SHA256)
    assert record.expires_at == pytest.approx(record.created_at + 86_400, abs=0.01)
    assert client.status(record.id) == record
    assert redis.llen("facelift") == 1


def test_the_record_is_readable_without_our_package(client: UploadClient, redis: Any) -> None:
    record = client.enqueue("bot", "media:a.png")
    stored = redis.hgetall("{facelift}:job:" + record.id)
    assert (stored["state"], stored["chatbot_id"]) == ("queued", "bot")


def test_a_client_has_a_lifetime_and_a_prefix_of_its_own(redis: Any) -> None:
    client = UploadClient(redis=redis, lifetime=60, key_prefix="shop")
    record = client.enqueue("bot", "media:a.png")
    assert record.expires_at == pytest.approx(record.created_at + 60, abs=0.01)
    with pytest.raises(JobNotFound):
        UploadClient(redis=redis).status(record.id)


def test_a_job_says_itself_when_it_expires(client: UploadClient) -> None:
    assert client.enqueue("bot", "media:a.png", expires_at=4e9).expires_at == 4e9


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("chatbot_id", " "),
        ("image", "a.png"),
        ("account", "A"),
        ("not_before", 1.7e12),
        ("fit", "stretch"),
        ("priority", "urgent"),
        ("fairness_key", "a b"),
        ("job_id", "a b"),
    ],
)
def test_a_wrong_field_is_named_before_anything_is_enqueued(
    client: UploadClient, redis: Any, field: str, given: object
) -> None:
    fields: dict[str, Any] = {"chatbot_id": "bot", "image": "media:a.png", field: given}
    with pytest.raises(InvalidJob) as caught:
        client.enqueue(**fields)
    assert caught.value.field == field
    assert redis.keys("*") == []


@pytest.mark.parametrize("again", [{"job_id": "mine"}, {"idempotency_key": "k"}])
def test_enqueueing_again_gives_the_same_job(
    client: UploadClient, redis: Any, again: dict[str, Any]
) -> None:
    first = client.enqueue("bot", "media:a.png", sha256=SHA256, not_before=1e9, **again)
    assert client.enqueue("bot", "media:a.png", sha256=SHA256, not_before=1e9, **again) == first
    assert redis.llen("facelift") == 1


@pytest.mark.parametrize("again", [{"job_id": "mine"}, {"idempotency_key": "k"}])
@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("chatbot_id", "bot-2"),
        ("image", "media:b.png"),
        ("account", "shop"),
        ("sha256", SHA256),
        ("not_before", 1e9),
    ],
)
def test_enqueueing_something_else_again_is_a_conflict_that_names_the_field(
    client: UploadClient, redis: Any, again: dict[str, Any], field: str, other: object
) -> None:
    fields: dict[str, Any] = {"chatbot_id": "bot", "image": "media:a.png"} | again
    first = client.enqueue(**fields)
    with pytest.raises(IdempotencyConflict, match=f"^{field}: ") as caught:
        client.enqueue(**(fields | {field: other}))
    assert (caught.value.field, caught.value.record) == (field, first)
    assert redis.llen("facelift") == 1


def test_conflict_says_whether_the_key_or_the_id_is_the_same(client: UploadClient) -> None:
    client.enqueue("bot", "media:a.png", job_id="mine", idempotency_key="k-1")
    with pytest.raises(IdempotencyConflict, match=r"under the same job id$"):
        client.enqueue("bot", "media:a.png", job_id="mine", idempotency_key="k-2")
    with pytest.raises(IdempotencyConflict, match=r"under the same idempotency key$"):
        client.enqueue("bot", "media:b.png", idempotency_key="k-1")


@pytest.mark.parametrize("again", [{"job_id": "mine"}, {"idempotency_key": "k"}])
def test_enqueueing_again_keeps_the_first_deadline(
    client: UploadClient, again: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {"chatbot_id": "bot", "image": "media:a.png"} | again
    first = client.enqueue(**fields, expires_at=4e9)
    assert client.enqueue(**fields, expires_at=5e9) == first
    assert client.enqueue(**fields) == first


@pytest.mark.parametrize("again", [{"job_id": "mine"}, {"idempotency_key": "k"}])
def test_enqueueing_again_keeps_the_first_priority_and_fairness_key(
    client: UploadClient, again: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {"chatbot_id": "bot", "image": "media:a.png"} | again
    first = client.enqueue(**fields, priority=Priority.HIGH, fairness_key="customer-42")
    assert (first.priority, first.fairness_key) == ("high", "customer-42")
    assert client.enqueue(**fields, priority="low") == first


def test_record_leaves_out_the_priority_that_most_jobs_have(
    client: UploadClient, redis: Any
) -> None:
    record = client.enqueue("bot", "media:a.png", priority="normal")
    stored = redis.hgetall(client.ledger.keys.job(record.id))
    assert not {"priority", "fairness_key"} & stored.keys()
    assert record.priority == "normal"


def test_an_idempotency_key_is_forgotten_after_its_window(redis: Any) -> None:
    client = UploadClient(redis=redis, idempotency_window=3600)
    first = client.enqueue("bot", "media:a.png", idempotency_key="k")
    key = client.ledger.keys.idempotency("k")
    assert 3590 < redis.ttl(key) <= 3600
    redis.delete(key)
    assert client.enqueue("bot", "media:a.png", idempotency_key="k").id != first.id


def test_unknown_job_is_not_found(client: UploadClient) -> None:
    with pytest.raises(JobNotFound, match="no job 'nobody'"):
        client.status("nobody")
    with pytest.raises(JobNotFound):
        client.wait("nobody")


def test_scripts_that_redis_forgot_are_sent_anew(client: UploadClient, redis: Any) -> None:
    client.enqueue("bot", "media:a.png")
    redis.script_flush()
    client.enqueue("bot", "media:b.png")
    assert redis.llen("facelift") == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.enqueue("bot", "media:a.png", job_id="mine"),
        lambda client: client.status("mine"),
    ],
)
def test_a_foreign_value_under_our_key_is_refused_and_left_alone(
    client: UploadClient, redis: Any, call: Callable[[UploadClient], object]
) -> None:
    key = client.ledger.keys.job("mine")
    redis.set(key, "somebody else's")
    with pytest.raises(LedgerRefused, match="WRONGTYPE"):
        call(client)
    assert redis.get(key) == "somebody else's"


@pytest.mark.parametrize("spoil", [{"attempts_used": "many"}, {"created_at": "yesterday"}])
def test_unreadable_record_is_refused(
    client: UploadClient, redis: Any, spoil: dict[str, str]
) -> None:
    job = client.enqueue("bot", "media:a.png").id
    redis.hset(client.ledger.keys.job(job), mapping=spoil)
    with pytest.raises(LedgerRefused, match=f"the record of job {job} cannot be read"):
        client.status(job)


def test_a_queue_that_refuses_the_message_does_not_lose_the_job(
    client: UploadClient, redis: Any
) -> None:
    redis.set("facelift", "no list")
    with pytest.raises(LedgerRefused):
        client.enqueue("bot", "media:a.png", job_id="mine")
    redis.delete("facelift")
    assert redis.zscore("{facelift}:schedule", "mine") is not None


@pytest.mark.parametrize("again", [{"job_id": "mine"}, {"idempotency_key": "k"}])
@pytest.mark.usefixtures("real_redis")
def test_producers_at_once_with_the_same_key_get_one_job(
    redis_server: RedisServer, again: dict[str, Any]
) -> None:
    together = threading.Barrier(8)
    ids: list[str] = []

    def produce(client: UploadClient) -> None:
        together.wait(10)
        ids.append(client.enqueue("bot", "media:a.png", **again).id)

    with UploadClient(redis_server.url) as one, UploadClient(redis_server.url) as other:
        threads = [
            threading.Thread(target=produce, args=(client,))
            for client in (one, other)
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        queued = one.pool().queued
    assert list(Counter(ids).values()) == [8]
    assert queued == 1


@pytest.mark.usefixtures("real_redis")
def test_one_client_serves_many_threads(redis_server: RedisServer) -> None:
    with UploadClient(redis_server.url) as client:
        threads = [
            threading.Thread(target=client.enqueue, args=(f"bot-{n}", "media:a.png"))
            for n in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        pool = client.pool()
        assert pool.queued + pool.accounts[0].waiting == 40


@pytest.mark.parametrize("asset", Asset)
def test_removal_is_enqueued_as_any_job(client: UploadClient, redis: Any, asset: Asset) -> None:
    record = client.remove(
        "bot", asset=asset, account="shop", batch="spring", priority="low", idempotency_key="k"
    )
    assert (record.action, record.asset, record.image) == ("remove", asset, None)
    assert (record.account, record.batch, record.priority) == ("shop", "spring", "low")
    assert client.remove("bot", asset=asset, account="shop", idempotency_key="k").id == record.id
    assert client.status(record.id) == record
    assert redis.llen("facelift") == 1


def test_same_key_for_another_asset_or_action_is_a_conflict(client: UploadClient) -> None:
    client.enqueue("bot", "media:a.png", idempotency_key="set")
    client.remove("bot", idempotency_key="removal")
    with pytest.raises(IdempotencyConflict) as caught:
        client.enqueue("bot", "media:a.png", asset="icon", idempotency_key="set")
    assert caught.value.field == "asset"
    with pytest.raises(IdempotencyConflict, match=r"^asset: 'icon' differs from "):
        client.remove("bot", asset="icon", idempotency_key="removal")
    with pytest.raises(IdempotencyConflict, match=r"^image: None differs from 'media:a.png'"):
        client.remove("bot", idempotency_key="set")


def test_images_and_removals_are_enqueued_together(client: UploadClient) -> None:
    done = client.enqueue_many(
        [
            {"chatbot_id": "a", "image": "media:a.png", "asset": "icon"},
            {"chatbot_id": "b", "action": "remove"},
            UploadJob(chatbot_id="c", asset="icon", action="remove"),
        ]
    )
    asked = [(each.record.asset, each.record.action) for each in done]
    assert asked == [("icon", "set"), ("profile_picture", "remove"), ("icon", "remove")]


def test_removal_is_replayed_as_a_removal(client: UploadClient) -> None:
    ended = client.remove("bot", asset="icon")
    client.cancel(ended.id)
    again = client.replay(ended.id)
    assert (again.asset, again.action, again.image) == ("icon", "remove", None)


def test_outcome_names_asset_and_action(client: UploadClient) -> None:
    client.cancel(client.remove("bot", asset="icon").id)
    client.cancel(client.enqueue("bot", "media:a.png").id)
    outcomes = [(each.asset, each.action) for each in client.outcomes("0", timeout=0)]
    assert outcomes == [("icon", "remove"), ("profile_picture", "set")]
