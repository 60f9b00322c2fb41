"""`AsyncUploadClient` in memory: all of it, and waiting too."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from facelift import BatchTimeout, IdempotencyConflict, UploadJob, WaitTimeout
from facelift.aio import AsyncUploadClient

if TYPE_CHECKING:
    from facelift.testing.jobs import FaceliftJobs

NOBODY = "redis://127.0.0.1:1/0"  # nothing listens there
HOUR = 3600


@pytest.fixture
def client() -> AsyncUploadClient:
    """Made before `facelift_jobs` is set up, as services keep one in a module."""
    return AsyncUploadClient(NOBODY, key_prefix="shop")


def test_enqueued_job_is_known(client: AsyncUploadClient, facelift_jobs: FaceliftJobs) -> None:
    async def body() -> None:
        job = await client.enqueue("bot", "media:a.png", idempotency_key="k")
        assert await client.status(job.id) == job
        same = UploadJob(chatbot_id="bot", image="media:a.png", idempotency_key="k")
        assert await client.enqueue_job(same) == job
        with pytest.raises(IdempotencyConflict):
            await client.enqueue("bot", "media:b.png", idempotency_key="k")
        assert await client.cancel(job.id) == "cancelled"
        await client.close()

    asyncio.run(body())
    facelift_jobs.assert_enqueued(times=1, chatbot_id="bot", state="cancelled")


def test_wait_returns_the_scripted_outcome(
    client: AsyncUploadClient, facelift_jobs: FaceliftJobs
) -> None:
    async def body() -> object:
        return (await client.wait((await client.enqueue("bot", "media:a.png")).id)).outcome

    facelift_jobs.script(429, 500, "image_too_large")
    began = time.monotonic()
    assert asyncio.run(body()) == "image_too_large"
    assert time.monotonic() - began < 2


def test_watch_yields_each_change(client: AsyncUploadClient, facelift_jobs: FaceliftJobs) -> None:
    async def body() -> list[tuple[str, str | None]]:
        job = await client.enqueue("bot", "media:a.png")
        return [(each.state, each.wait_reason) async for each in client.watch(job.id)]

    facelift_jobs.script(500, "delivered")
    assert asyncio.run(body()) == [
        ("queued", None),
        ("waiting", "retry"),
        ("queued", None),
        ("succeeded", None),
    ]


def test_wait_times_out_by_the_ledgers_clock(
    client: AsyncUploadClient, facelift_jobs: FaceliftJobs
) -> None:
    async def body() -> None:
        later = facelift_jobs.now + HOUR
        job = await client.enqueue("bot", "media:a.png", not_before=later, batch="logos")
        with pytest.raises(WaitTimeout):
            await client.wait(job.id, timeout=600)
        with pytest.raises(BatchTimeout):
            await client.wait_batch("logos", timeout=600)
        assert facelift_jobs.now > later - HOUR + 1200
        assert (await client.wait(job.id, timeout=HOUR)).outcome == "delivered"

    asyncio.run(body())


def test_batch_is_waited_for_and_cancelled(
    client: AsyncUploadClient, facelift_jobs: FaceliftJobs
) -> None:
    async def body() -> None:
        jobs = [
            UploadJob(chatbot_id=f"bot-{n}", image="media:a.png", batch="logos") for n in range(3)
        ]
        assert all(each.is_new for each in await client.enqueue_many(jobs))
        seen = [each.pending async for each in client.watch_batch("logos")]
        assert seen[0] == 3
        assert seen[-1] == 0
        assert (await client.wait_batch("logos")).states == {"succeeded": 2, "failed": 1}
        await client.enqueue("bot-4", "media:a.png", batch="logos")
        assert (await client.cancel_batch("logos")).cancelled == 1
        assert (await client.batch("logos")).is_complete

    facelift_jobs.script("image_not_square", chatbot_id="bot-1")
    asyncio.run(body())


def test_tasks_wait_side_by_side(client: AsyncUploadClient, facelift_jobs: FaceliftJobs) -> None:
    async def upload(number: int) -> object:
        return (await client.wait((await client.enqueue(f"bot-{number}", "media:a.png")).id)).state

    async def body() -> list[object]:
        return await asyncio.gather(*map(upload, range(8)))

    assert asyncio.run(body()) == ["succeeded"] * 8
    assert len(facelift_jobs.enqueued) == 8
