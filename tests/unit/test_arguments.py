"""Arguments of the clients are checked when they are given, and nothing is done with wrong ones.

The wrong ones are wrong for mypy too: its run over the tests fails if a line that is marked so
is none.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from fakeredis import FakeAsyncRedis, FakeRedis

from facelift import (
    AsyncUploadClient,
    IdempotencyConflict,
    InvalidJob,
    InvalidSettings,
    UploadClient,
    UploadJob,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOT = UUID("6a0b3f0e-6a1c-4b8e-9d3c-0c1f9b7e2a11")
HOUR = timedelta(hours=1)


@pytest.fixture
def redis() -> Iterator[Any]:
    with FakeRedis(decode_responses=True) as made:
        yield made


@pytest.fixture
def client(redis: Any) -> UploadClient:
    return UploadClient(redis=redis)


@pytest.mark.parametrize("kind", [UploadClient, AsyncUploadClient])
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"redis": FakeRedis()}, "redis must be made with decode_responses=True"),
        ({"redis": FakeAsyncRedis()}, "redis must be a redis.Redis, not one for asyncio"),
        ({"redis": "redis://127.0.0.1"}, "redis must be a redis.Redis, not str"),
        ({"redis_url": FakeRedis()}, "FACELIFT_REDIS_URL must be text, not FakeRedis; a client is"),
        ({"redis_url": None}, "FACELIFT_REDIS_URL must be text, not NoneType"),
        ({"redis_url": "localhost"}, "FACELIFT_REDIS_URL must be redis://"),
        ({"key_prefix": None}, "FACELIFT_KEY_PREFIX must be"),
        ({"ledger": FakeRedis()}, "ledger must be a JobStore, not FakeRedis"),
        ({"lifetime": "1h"}, "lifetime must be seconds or a timedelta, from 1s to 30d, not '1h'"),
        ({"lifetime": 0}, "lifetime must be seconds or a timedelta"),
        ({"lifetime": True}, "lifetime must be seconds or a timedelta"),
        ({"lifetime": None}, "lifetime must be seconds or a timedelta"),
        ({"lifetime": float("nan")}, "lifetime must be seconds or a timedelta"),
        ({"lifetime": 10**400}, "lifetime must be seconds or a timedelta"),
        ({"lifetime": timedelta(days=31)}, "lifetime must be seconds or a timedelta"),
        ({"idempotency_window": "1h"}, "idempotency_window must be seconds or a timedelta"),
        ({"idempotency_window": -1}, "idempotency_window must be seconds or a timedelta"),
    ],
)
def test_wrong_argument_of_a_client_is_named(
    kind: type, arguments: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        kind(**arguments)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize("kind", [UploadClient, AsyncUploadClient])
def test_argument_that_does_not_exist_is_a_type_error(kind: type) -> None:
    with pytest.raises(TypeError, match="lifetme"):
        kind(lifetme=3)


def test_wrong_uses_are_type_errors_for_mypy_too(client: UploadClient) -> None:
    with pytest.raises(TypeError):
        UploadClient(lifetme=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        AsyncUploadClient(lifetme=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidSettings):
        UploadClient(lifetime="1h")  # type: ignore[arg-type]
    with pytest.raises(InvalidSettings):
        AsyncUploadClient(redis=FakeAsyncRedis())  # type: ignore[arg-type]
    with pytest.raises(InvalidJob):
        client.enqueue("bot", "media:a.png", fit="cropp")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob):
        client.enqueue("bot", "media:a.png", priority="urgent")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.enqueue("bot", "media:a.png", idempotency="k")  # type: ignore[call-arg]
    with pytest.raises(InvalidJob):
        client.enqueue("bot", "media:a.png", not_before="tomorrow")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob):
        UploadJob(chatbot_id="bot", image="media:a.png", fit="cropp")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob):
        client.enqueue_many([{"chatbot_id": "bot"}])  # type: ignore[list-item]
    with pytest.raises(InvalidJob):
        client.set_priority("job", "urgent")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob):
        client.find(state="faild")  # type: ignore[arg-type]
    with pytest.raises(InvalidJob):
        client.wait("job", "1 min")  # type: ignore[arg-type]


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    "call",
    [
        lambda client, wrong: client.wait("job", wrong),
        lambda client, wrong: client.watch("job", timeout=wrong),
        lambda client, wrong: client.wait_batch("logos", wrong),
        lambda client, wrong: client.watch_batch("logos", timeout=wrong),
        lambda client, wrong: client.watch_batch("logos", every=wrong),
        lambda client, wrong: client.outcomes(timeout=wrong),
    ],
)
@pytest.mark.parametrize("face", [UploadClient, AsyncUploadClient])
@pytest.mark.parametrize(
    "wrong", [-1, float("nan"), True, "60", NOW, timedelta(seconds=-1), 10**400]
)
def test_wrong_timeout_is_refused_when_it_is_given(
    redis: Any, face: Any, call: Callable[..., Any], wrong: object
) -> None:
    def finish() -> None:
        if asyncio.iscoroutine(done := call(face(redis=redis), wrong)):
            asyncio.run(done)

    with pytest.raises(InvalidJob, match=r"must be seconds or a timedelta, not below 0; None for"):
        finish()


@pytest.mark.parametrize("after", ["", "yesterday", None, 0, "1-2-3"])
def test_wrong_entry_is_refused_when_it_is_given(client: UploadClient, after: Any) -> None:
    with pytest.raises(InvalidJob, match=r"^after: must be an entry of the stream"):
        client.outcomes(after)


@pytest.mark.parametrize("limit", [0, -1, 1001, True, 1.5, "10", None, float("nan")])
def test_wrong_limit_is_refused(client: UploadClient, limit: Any) -> None:
    for call in (client.find, client.batches, client.refused_messages):
        with pytest.raises(InvalidJob, match=r"^limit: must be a whole number from 1 to 1000"):
            call(limit=limit)


def test_ids_may_be_uuids_everywhere(client: UploadClient) -> None:
    job, batch = uuid4(), uuid4()
    made = client.enqueue(
        BOT, "media:a.png", job_id=job, idempotency_key=BOT, batch=batch, fairness_key=BOT
    )
    assert (made.id, made.chatbot_id, made.batch) == (str(job), str(BOT), str(batch))
    assert client.status(job) == made == client.history(BOT)[0]
    assert client.find(batch=batch).records == (made,)
    assert client.set_priority(job, "high") == "set"
    assert client.set_batch_priority(batch, "low") == 1
    assert client.cancel_batch(batch).cancelled == 1
    assert client.cancel(job) == "cancelled"
    assert client.wait(job, 0).id == str(job)
    assert client.wait_batch(batch, 0) == client.batch(batch)
    again, third = uuid4(), uuid4()
    assert client.replay(job, new_id=again).replay_of == str(job)
    (many,) = client.enqueue_many([{"chatbot_id": BOT, "image": "media:a.png"}], job_ids=[third])
    assert many.record.id == str(third)


def test_mappings_are_enqueued_like_jobs(client: UploadClient) -> None:
    done = client.enqueue_many(
        [
            {"chatbot_id": "bot-1", "image": "media:a.png", "expires_at": HOUR},
            UploadJob(chatbot_id="bot-2", image="media:a.png", fit="crop"),
            {"chatbot_id": "bot-3", "image": "media:a.png", "fit": "pad"},
        ]
    )
    assert [each.record.fit for each in done] == ["strict", "crop", "pad"]


@pytest.mark.parametrize(
    ("jobs", "problem"),
    [
        (["bot"], "jobs[0]: must be an UploadJob or a mapping of its fields, not str"),
        ([{"chatbot_id": "b", "image": "a.png"}], "jobs[0].image: must be <store>:<path>"),
        ([{"image": "m:a.png"}], "jobs[0].chatbot_id: is missing"),
        ([{"chatbot_id": "b", "image": "m:a", "bot": 1}], "jobs[0].'bot': is not a field of a job"),
        ({"chatbot_id": "b", "image": "m:a.png"}, "jobs: must be a list, not dict"),
        (UploadJob(chatbot_id="b", image="m:a.png"), "jobs: must be a list, not UploadJob"),
        ("jobs.csv", "jobs: must be a list, not str"),
        (None, "jobs: must be a list, not NoneType"),
    ],
)
def test_wrong_jobs_are_named_and_none_is_enqueued(
    client: UploadClient, redis: Any, jobs: Any, problem: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        client.enqueue_many(jobs)
    assert str(caught.value).startswith(problem)
    with pytest.raises(InvalidJob, match=r"^job: must be an UploadJob, not"):
        client.enqueue_job(jobs if not isinstance(jobs, UploadJob) else {})
    assert redis.keys("*") == []


def test_text_is_no_list_of_ids(client: UploadClient) -> None:
    job = UploadJob(chatbot_id="b", image="m:a.png")
    with pytest.raises(InvalidJob, match=r"^job_ids: must be a list, not str"):
        client.enqueue_many([job], job_ids="a")


def test_times_may_be_spans_from_now_and_for_searches_before_now(client: UploadClient) -> None:
    later = client.enqueue("bot", "media:a.png", not_before=HOUR, expires_at=2 * HOUR)
    assert later.not_before == pytest.approx(time.time() + 3600, abs=10)
    assert later.expires_at == pytest.approx(time.time() + 7200, abs=10)
    assert client.find(since=HOUR).records == (later,)
    assert client.find(before=HOUR).records == ()
    with pytest.raises(InvalidJob, match=r"^since: .*timedelta\(seconds=60\)"):
        client.find(since=60)


def test_span_that_is_given_again_is_no_conflict(client: UploadClient) -> None:
    def enqueue(image: str) -> str:
        return client.enqueue(
            "bot", image, idempotency_key="k", not_before=HOUR, expires_at=2 * HOUR
        ).id

    first = enqueue("media:a.png")
    time.sleep(0.002)  # so that the moments differ
    assert enqueue("media:a.png") == first
    with pytest.raises(IdempotencyConflict, match=r"^image: 'media:b.png' differs"):
        enqueue("media:b.png")
