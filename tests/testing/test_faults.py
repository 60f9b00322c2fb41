"""Outages, lost answers and slowness of Redis, as a test has them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from facelift import (
    AsyncUploadClient,
    EnqueueInterrupted,
    FaceliftError,
    LedgerUnavailable,
    UploadClient,
    UploadJob,
    WaitTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.testing.jobs import FaceliftJobs

JOB = UploadJob(chatbot_id="bot", image="media:a.png")
CALLS: dict[str, Callable[[UploadClient, str], Any]] = {
    "enqueue": lambda client, _: client.enqueue("bot", "media:a.png"),
    "enqueue_many": lambda client, _: list(client.enqueue_many([JOB])),
    "status": lambda client, job: client.status(job),
    "wait": lambda client, job: client.wait(job),
    "watch": lambda client, job: next(client.watch(job)),
    "cancel": lambda client, job: client.cancel(job),
    "replay": lambda client, job: client.replay(job),
    "find": lambda client, _: client.find(),
    "history": lambda client, _: client.history("bot"),
    "outcomes": lambda client, _: next(client.outcomes()),
    "batch": lambda client, _: client.batch("logos"),
    "wait_batch": lambda client, _: client.wait_batch("logos"),
    "pool": lambda client, _: client.pool(),
    "pause": lambda client, _: client.pause(),
    "server": lambda client, _: client.server(),
}


@pytest.fixture
def client() -> UploadClient:
    """Made before `facelift_jobs` is set up, as services keep one in a module."""
    return UploadClient("redis://127.0.0.1:1/0")


@pytest.mark.parametrize("name", CALLS)
def test_every_call_fails_in_an_outage_and_works_after_it(
    client: UploadClient, facelift_jobs: FaceliftJobs, name: str
) -> None:
    job = client.enqueue("bot", "media:a.png", batch="logos")
    with facelift_jobs.unavailable(), pytest.raises(FaceliftError, match="cannot be reached") as it:
        CALLS[name](client, job.id)
    assert isinstance(it.value, EnqueueInterrupted if name == "enqueue_many" else LedgerUnavailable)
    assert facelift_jobs.enqueued == [job]  # the test itself sees it, and nothing was changed
    client.enqueue("bot", "media:a.png")
    facelift_jobs.assert_enqueued(times=2)


def test_asynchronous_calls_fail_in_an_outage_too(facelift_jobs: FaceliftJobs) -> None:
    async def body() -> None:
        async with AsyncUploadClient() as client:
            job = (await client.enqueue("bot", "media:a.png")).id
            with facelift_jobs.unavailable():
                for call in (client.status(job), client.wait(job), client.enqueue("b", "m:a")):
                    with pytest.raises(LedgerUnavailable):
                        await call
            assert (await client.wait(job)).outcome == "delivered"

    asyncio.run(body())


def test_waiting_goes_on_through_an_outage(
    client: UploadClient, facelift_jobs: FaceliftJobs
) -> None:
    records = client.watch(client.enqueue("bot", "media:a.png").id, timeout=60)
    assert next(records).state == "queued"
    with facelift_jobs.unavailable(), pytest.raises(WaitTimeout, match="still queued") as caught:
        next(records)
    assert isinstance(caught.value.__cause__, LedgerUnavailable)


def test_a_call_whose_answer_is_lost_was_carried_out(
    client: UploadClient, facelift_jobs: FaceliftJobs
) -> None:
    with facelift_jobs.lost_answers(), pytest.raises(LedgerUnavailable, match="Timeout"):
        client.enqueue("bot", "media:a.png", job_id="job-1")
    facelift_jobs.assert_enqueued(times=1, id="job-1")
    assert client.enqueue("bot", "media:a.png", job_id="job-1").id == "job-1"
    facelift_jobs.assert_enqueued(times=1)


def test_a_slow_redis_answers_late(client: UploadClient, facelift_jobs: FaceliftJobs) -> None:
    job = client.enqueue("bot", "media:a.png").id
    began = time.monotonic()
    with facelift_jobs.slow(0.05):
        assert client.status(job).state == "queued"
    assert time.monotonic() - began >= 0.05


def test_time_passes_by_a_timedelta(client: UploadClient, facelift_jobs: FaceliftJobs) -> None:
    job = client.enqueue("bot", "media:a.png", not_before=timedelta(hours=1)).id
    assert facelift_jobs.run() == []
    facelift_jobs.advance(timedelta(hours=1, seconds=1))
    assert [each.id for each in facelift_jobs.run()] == [job]
