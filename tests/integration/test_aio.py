"""The client for asyncio, on a real Redis."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from facelift.aio import AsyncUploadClient
from facelift.errors import InvalidSettings, JobNotFound, LedgerUnavailable
from facelift.job import UploadJob
from facelift.ledger.store import JobStore
from facelift.operations.batches import BatchTimeout
from facelift.operations.observe import WaitTimeout
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from redis import Redis

    from sandbox.redis_server import RedisServer

SOON = 20.0


@pytest.fixture
def worker(real_redis: Redis) -> Ledger:
    return Ledger(real_redis)


@pytest.fixture
def run(redis_server: RedisServer, real_redis: Redis, worker: Ledger) -> Callable[..., Any]:
    """Runs what is given with a client and the worker's side of the ledger."""
    worker.store = JobStore(real_redis)  # by the clock of Redis, as the client

    async def with_client(body: Callable[..., Coroutine[Any, Any, Any]]) -> Any:
        async with AsyncUploadClient(redis_server.url) as client:
            return await asyncio.wait_for(body(client, worker), SOON)

    return lambda body: asyncio.run(with_client(body))


async def until_listened_to(
    worker: Ledger, channel: str, listeners: int = 1, pause: float = 0.005
) -> None:
    while worker.redis.pubsub_numsub(channel)[0][1] != listeners:  # noqa: ASYNC110 - Redis tells no event
        await asyncio.sleep(pause)


def subscribed(worker: Ledger) -> list[str]:
    return [*worker.redis.pubsub_channels()]


def test_waiting_is_woken_by_the_end_of_the_job(run: Callable[..., Any]) -> None:
    async def body(client: AsyncUploadClient, worker: Ledger) -> Any:
        job = (await client.enqueue("bot", "media:a.png")).id
        lease = worker.acquire_with_permit(job)
        waiting = asyncio.create_task(client.wait(job, SOON))
        await until_listened_to(worker, worker.store.keys.changes(job))
        worker.deliver(lease)
        record = await waiting
        await until_listened_to(worker, worker.store.keys.changes(job), 0)
        return record, await client.status(job)

    record, status = run(body)
    assert record == status
    assert (record.state, record.outcome) == ("succeeded", "delivered")


def test_many_wait_without_a_thread_each(run: Callable[..., Any]) -> None:
    async def body(client: AsyncUploadClient, worker: Ledger) -> tuple[int, Any]:
        made = await client.enqueue_many(
            UploadJob(chatbot_id=f"bot-{n}", image="media:a.png") for n in range(40)
        )
        jobs = [each.record.id for each in made]
        waiting = [asyncio.create_task(client.wait(job, SOON)) for job in jobs]
        for job in jobs:
            await until_listened_to(worker, worker.store.keys.changes(job))
        threads = threading.active_count()
        for job in jobs:
            await client.cancel(job)
        return threads, [(await each).state for each in waiting]

    threads, states = run(body)
    assert threads < 20
    assert states == ["cancelled"] * 40


def test_watch_yields_each_state(run: Callable[..., Any]) -> None:
    async def body(client: AsyncUploadClient, worker: Ledger) -> list[str]:
        job = (await client.enqueue("bot", "media:a.png")).id
        records: AsyncIterator[Any] = client.watch(job, SOON)
        seen = [(await anext(records)).state]
        lease = worker.acquire_with_permit(job)
        seen.append((await anext(records)).state)
        worker.deliver(lease)
        return seen + [record.state async for record in records]

    assert run(body) == ["queued", "running", "succeeded"]


def test_batch_is_waited_for_and_cancelled(run: Callable[..., Any]) -> None:
    async def body(client: AsyncUploadClient, worker: Ledger) -> Any:
        for number in range(3):
            await client.enqueue(f"bot-{number}", "media:a.png", batch="logos")
        waiting = asyncio.create_task(client.wait_batch("logos", SOON))
        await until_listened_to(worker, worker.store.keys.batch_changes("logos"))
        done = await client.cancel_batch("logos")
        return done.cancelled, await waiting, await client.batch("logos")

    cancelled, waited, status = run(body)
    assert cancelled == 3
    assert waited == status
    assert status.states == {"cancelled": 3}


@pytest.mark.parametrize("what", ["wait", "wait_batch"])
def test_task_that_is_cancelled_while_it_waits_leaves_nothing_behind(
    run: Callable[..., Any], what: str
) -> None:
    async def body(client: AsyncUploadClient, worker: Ledger) -> Any:
        job = (await client.enqueue("bot", "media:a.png", batch="logos")).id
        keys = worker.store.keys
        channel = keys.changes(job) if what == "wait" else keys.batch_changes("logos")
        named = job if what == "wait" else "logos"
        for _ in range(10):
            waiting = asyncio.create_task(getattr(client, what)(named, 600))
            # As early as can be: the Redis client has not always noticed by then.
            await until_listened_to(worker, channel, pause=0)
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=SOON / 2)
            assert waiting.cancelled()
            await until_listened_to(worker, channel, 0)
        return subscribed(worker), (await client.status(job)).state

    assert run(body) == ([], "queued")


def test_wait_timeout_leaves_nothing_behind(run: Callable[..., Any]) -> None:
    async def body(client: AsyncUploadClient, worker: Ledger) -> list[str]:
        job = (await client.enqueue("bot", "media:a.png", batch="logos")).id
        with pytest.raises(WaitTimeout, match=r"is still queued after 0\.05 s"):
            await client.wait(job, 0.05)
        with pytest.raises(BatchTimeout, match="1 of 1 jobs of batch logos"):
            await client.wait_batch("logos", 0)
        keys = worker.store.keys
        await until_listened_to(worker, keys.changes(job), 0)
        await until_listened_to(worker, keys.batch_changes("logos"), 0)
        return subscribed(worker)

    assert run(body) == []


def test_wait_for_an_unknown_job_raises(run: Callable[..., Any]) -> None:
    async def body(client: AsyncUploadClient, _: Ledger) -> None:
        with pytest.raises(JobNotFound):
            await client.wait("nobody")

    run(body)


def test_unreachable_redis_raises() -> None:
    async def body() -> None:
        async with AsyncUploadClient("redis://127.0.0.1:1") as client:
            with pytest.raises(LedgerUnavailable):
                await client.status("job")
            with pytest.raises(LedgerUnavailable):
                await client.wait("job", timeout=60)

    asyncio.run(body())


def test_client_is_made_of_the_variables_that_the_other_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACELIFT_KEY_PREFIX", "other")
    assert AsyncUploadClient.from_env().client.ledger.keys.prefix == "other"
    monkeypatch.setenv("FACELIFT_KEY_PREFIX", "No!")
    with pytest.raises(InvalidSettings, match="FACELIFT_KEY_PREFIX must be"):
        AsyncUploadClient.from_env()


def test_client_that_was_given_is_waited_on_too(real_redis: Redis) -> None:
    async def body() -> str:
        client = AsyncUploadClient("redis://127.0.0.1:1", redis=real_redis)
        job = (await client.enqueue("bot", "media:a.png")).id
        waiting = asyncio.create_task(client.wait(job, SOON))
        await until_listened_to(Ledger(real_redis), client.ledger.keys.changes(job))
        await client.cancel(job)
        return (await waiting).state

    assert asyncio.run(body()) == "cancelled"
