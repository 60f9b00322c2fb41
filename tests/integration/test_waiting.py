"""Many that wait share one subscription, which outlives what happens to Redis; on real servers."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from facelift.aio import AsyncUploadClient
from facelift.client import UploadClient
from facelift.errors import LedgerRefused, LedgerUnavailable
from facelift.job import UploadJob
from facelift.ledger.connection import connect
from facelift.ledger.store import JobStore
from facelift.operations.observe import WaitTimeout
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOON = 20.0
SPARE = 1.5  # seconds, for a busy machine


@pytest.fixture
def server(redis_binary: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(
        tmp_path / "redis", binary=redis_binary, arguments=["--appendonly", "yes"]
    ) as server:
        yield server


@pytest.fixture
def operator(server: RedisServer) -> Iterator[Any]:
    with connect(server.url, retries=8) as redis:
        yield redis


def cancel(operator: Any, job_id: str) -> None:
    """As another process does."""
    JobStore(operator).cancel(job_id)


def enqueue(url: str, count: int) -> list[str]:
    with UploadClient(url) as client:
        jobs = (UploadJob(chatbot_id=f"bot-{n}", image="media:a.png") for n in range(count))
        return [each.record.id for each in client.enqueue_many(jobs)]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def until_async(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(until, condition)


def reading_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "facelift-notifications"]


def subscribers(operator: Any) -> int:
    return len(operator.client_list(_type="pubsub"))


def channels(operator: Any) -> int:
    return len(operator.pubsub_channels())


def test_threads_that_wait_share_one_connection_and_one_for_questions(
    server: RedisServer, operator: Any
) -> None:
    jobs = enqueue(server.url, 60)
    with UploadClient(server.url) as client, ThreadPoolExecutor(60) as threads:
        waiting = [threads.submit(client.wait, job, SOON) for job in jobs]
        until(lambda: channels(operator) == 60)
        assert (subscribers(operator), len(operator.client_list())) == (1, 3)  # and the operator
        assert len(reading_threads()) == 1
        for job in jobs:
            cancel(operator, job)
        assert {each.result(SOON).state for each in waiting} == {"cancelled"}
        until(lambda: not reading_threads() and not subscribers(operator))


def test_tasks_that_wait_share_one_connection_and_one_for_questions(
    server: RedisServer, operator: Any
) -> None:
    async def body() -> set[str]:
        async with AsyncUploadClient(server.url) as client:
            waiting = [asyncio.create_task(client.wait(job, SOON)) for job in jobs]
            await until_async(lambda: channels(operator) == 1_000)
            assert (subscribers(operator), len(operator.client_list())) == (1, 3)
            for job in jobs:
                operator_store.cancel(job)
            return {(await each).state for each in waiting}

    jobs, operator_store = enqueue(server.url, 1_000), JobStore(operator)
    assert asyncio.run(body()) == {"cancelled"}


def test_tasks_that_are_cancelled_leave_neither_channel_thread_nor_warning(
    server: RedisServer, operator: Any
) -> None:
    async def body(jobs: list[str]) -> None:
        client = AsyncUploadClient(server.url)
        waiting = [asyncio.create_task(client.wait(job, SOON)) for job in jobs]
        await until_async(lambda: channels(operator) == len(jobs))
        for each in waiting[:-1]:
            each.cancel()
        await until_async(lambda: channels(operator) == 1)
        # The last ends with its loop.

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(body(enqueue(server.url, 30)), debug=True)
        until(lambda: not reading_threads() and not subscribers(operator))
        gc.collect()


def test_waiting_outlives_a_restart_and_notices_what_ended_meanwhile(
    server: RedisServer, operator: Any
) -> None:
    async def body(client: AsyncUploadClient) -> list[str]:
        waiting = [asyncio.create_task(client.wait(job, SOON)) for job in jobs]
        await until_async(lambda: channels(operator) == 20)
        server.kill()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)
        await until_async(lambda: channels(operator) == 20)
        for job in jobs[:10]:
            cancel(operator, job)
        # Nobody hears of these: the connection is lost before.
        operator.client_kill_filter(_type="pubsub")
        for job in jobs[10:]:
            cancel(operator, job)
        return [(await each).state for each in waiting]

    jobs = enqueue(server.url, 20)
    assert asyncio.run(body(AsyncUploadClient(server.url))) == ["cancelled"] * 20


def wait(url: str, job: str, timeout: float) -> Any:
    with UploadClient(url, call_timeout=30) as client:
        return client.wait(job, timeout)


def wait_async(url: str, job: str, timeout: float) -> Any:
    async def body() -> Any:
        async with AsyncUploadClient(url, call_timeout=5) as client:
            return await client.wait(job, timeout)

    return asyncio.run(body())


@pytest.mark.parametrize("waits", [wait, wait_async])
@pytest.mark.parametrize("trouble", [RedisServer.pause, RedisServer.kill])
def test_wait_ends_by_its_timeout_when_redis_fails_meanwhile(
    server: RedisServer, operator: Any, waits: Any, trouble: Callable[[RedisServer], None]
) -> None:
    (job,) = enqueue(server.url, 1)
    with ThreadPoolExecutor(1) as other:
        began = time.monotonic()
        waiting = other.submit(waits, server.url, job, 1.0)
        until(lambda: channels(operator) == 1)
        operator.close()
        trouble(server)
        with pytest.raises(WaitTimeout, match="is still queued after 1 s") as caught:
            waiting.result(SOON)
        took = time.monotonic() - began
    if trouble is RedisServer.pause:
        server.resume()
    assert isinstance(caught.value.__cause__, LedgerUnavailable)
    # A thread that still asks for a task ends with its call.
    assert took < 1 + SPARE + (5 if waits is wait_async else 0)


def test_wait_on_a_hung_redis_ends_by_its_timeout(server: RedisServer) -> None:
    (job,) = enqueue(server.url, 1)
    server.pause()
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        wait(server.url, job, 1.0)
    assert time.monotonic() - began < 1 + SPARE
    server.resume()


def test_a_hung_connection_is_replaced(
    server: RedisServer, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facelift.ledger.subscription._SILENCE", 0.1)
    monkeypatch.setattr("facelift.ledger.subscription._ANSWER", 0.2)
    (job,) = enqueue(server.url, 1)
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(wait, server.url, job, SOON)
        until(lambda: channels(operator) == 1)
        (before,) = operator.client_list(_type="pubsub")
        server.pause()
        time.sleep(0.5)  # its PING gets no answer for longer than that
        server.resume()
        until(
            lambda: [each["id"] for each in operator.client_list(_type="pubsub")] != [before["id"]]
        )
        until(lambda: channels(operator) == 1)
        cancel(operator, job)
        assert waiting.result(SOON).state == "cancelled"


def test_a_user_without_the_channels_is_refused(server: RedisServer, operator: Any) -> None:
    (job,) = enqueue(server.url, 1)
    operator.execute_command("ACL", "SETUSER", "bob", "on", ">word", "~*", "+@all", "resetchannels")
    with pytest.raises(LedgerRefused):
        wait(f"redis://bob:word@127.0.0.1:{server.port}/0", job, SOON)


def wait_in_child(client: UploadClient, job: str, results: Any) -> None:
    results.put(str(client.wait(job, SOON).state))


def test_children_wait_on_a_client_that_waited_before_the_fork(
    server: RedisServer, operator: Any
) -> None:
    mine, *theirs = enqueue(server.url, 3)
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    with UploadClient(server.url) as client, ThreadPoolExecutor(1) as other:
        waiting = other.submit(client.wait, mine, SOON)
        until(lambda: channels(operator) == 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
            children = [
                fork.Process(target=wait_in_child, args=(client, job, results)) for job in theirs
            ]
            for child in children:
                child.start()
        until(lambda: channels(operator) == 3 and subscribers(operator) == 3)
        for job in (mine, *theirs):
            cancel(operator, job)
        assert waiting.result(SOON).state == "cancelled"
        assert [results.get() for _ in children] == ["cancelled"] * 2
        for child in children:
            child.join(SOON)


def test_threads_and_event_loops_wait_on_one_client_at_once(
    server: RedisServer, operator: Any
) -> None:
    jobs = enqueue(server.url, 6)
    client = AsyncUploadClient(server.url)
    with ThreadPoolExecutor(6) as threads:
        waiting = [
            *(threads.submit(client.client.wait, job, SOON) for job in jobs[:2]),
            *(threads.submit(asyncio.run, client.wait(job, SOON)) for job in jobs[2:]),
        ]
        until(lambda: channels(operator) == 6)
        assert subscribers(operator) == 1
        for job in jobs:
            cancel(operator, job)
        assert {each.result(SOON).state for each in waiting} == {"cancelled"}
    client.client.close()


def test_a_job_that_ends_while_its_wait_begins_is_noticed(
    server: RedisServer, operator: Any
) -> None:
    async def body(client: AsyncUploadClient) -> set[str]:
        waiting = []
        for job in jobs:
            waiting.append(asyncio.create_task(client.wait(job, SOON)))
            await asyncio.sleep(0)
            cancels.submit(cancel, operator, job)
        return {(await each).state for each in waiting}

    jobs = enqueue(server.url, 200)
    with ThreadPoolExecutor(4) as cancels:
        assert asyncio.run(body(AsyncUploadClient(server.url))) == {"cancelled"}
