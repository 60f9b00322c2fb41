"""`python -m benchmarks.waiting`: what many concurrent waits cost a producer.

10,000 tasks, then 500 threads, wait for as many jobs on one client. Another process then ends the
jobs, 500 a second. Prints the time from the end of a job to the return of its wait, the memory of a
waiter, and the connections that Redis counts.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from redis import Redis

from facelift import AsyncUploadClient, UploadClient, UploadJob
from facelift.ledger.keys import Keys
from facelift.ledger.scripts import Scripts
from sandbox.redis_server import RedisServer

TASKS, THREADS, A_SECOND = 10_000, 500, 500
LONG = 600  # seconds
IDLE = 0.05  # seconds of CPU time in one


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def connections(url: str) -> int:
    """Those of this process: all but the one that asks, and the one that ends jobs."""
    with Redis.from_url(url, client_name="bench") as redis:
        return sum(each["name"] != "bench" for each in redis.client_list())


def enqueue(url: str, count: int) -> list[str]:
    """Enqueue jobs; returns their ids."""
    with UploadClient(url) as client:
        made = client.enqueue_many(
            UploadJob(chatbot_id=f"bot-{n}", image="media:a.png") for n in range(count)
        )
        return [each.record.id for each in made]


def end(url: str) -> None:
    """End the jobs that standard input names; print when each was ended."""
    with Redis.from_url(url, decode_responses=True, client_name="bench") as redis:
        scripts = Scripts(redis, Keys())
        began = time.monotonic()
        for count, job_id in enumerate(sys.stdin.read().split()):
            time.sleep(max(0.0, began + count / A_SECOND - time.monotonic()))
            scripts.call("jobs/cancel", job_id)
            print(job_id, time.monotonic())


def ending(url: str) -> subprocess.Popen[str]:
    """Start the process that ends jobs."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.waiting", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def report(what: str, ended: str, returned: dict[str, float], waiting: str) -> None:
    """Print the figures."""
    at = {job_id: float(when) for job_id, when in (line.split() for line in ended.splitlines())}
    delays = [1000 * (when - at[job_id]) for job_id, when in returned.items()]
    p50, p99 = (statistics.quantiles(delays, n=100)[n] for n in (49, 98))
    print(
        f"{what}: {waiting}; returned after p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"max {max(delays):.1f} ms"
    )


def until_subscribed(redis: Redis, count: int) -> None:
    """Return once Redis has so many channels."""
    while len(redis.pubsub_channels()) < count:
        time.sleep(0.1)


def until_idle() -> None:
    """Return once this process has read all states."""
    before = -1.0
    while (now := time.process_time()) - before > IDLE:
        before = now
        time.sleep(1)


def figures(url: str, started: float, each: float) -> str:
    """What waiting takes, once all wait."""
    return (
        f"waiting after {started:.1f} s, {each / 1000:.1f} kB each, {connections(url)} connections"
    )


async def tasks(url: str) -> None:
    """Measure tasks of one event loop."""
    jobs, returned = enqueue(url, TASKS), {}

    async def wait(client: AsyncUploadClient, job_id: str) -> None:
        await client.wait(job_id, timeout=LONG)
        returned[job_id] = time.monotonic()

    async with AsyncUploadClient(url) as client, asyncio.TaskGroup() as group:
        before, began = memory(), time.monotonic()
        for job_id in jobs:
            group.create_task(wait(client, job_id))
        with Redis.from_url(url, client_name="bench") as redis:
            await asyncio.to_thread(until_subscribed, redis, TASKS)
        started = time.monotonic() - began
        await asyncio.to_thread(until_idle)
        waiting = figures(url, started, (memory() - before) / TASKS)
        process = ending(url)
        ended = await asyncio.to_thread(process.communicate, "\n".join(jobs))
    report(f"{TASKS} tasks", ended[0], returned, waiting)


def threads(url: str) -> None:
    """Measure threads."""
    jobs, returned = enqueue(url, THREADS), {}
    with UploadClient(url) as client:

        def wait(job_id: str) -> None:
            client.wait(job_id, timeout=LONG)
            returned[job_id] = time.monotonic()

        before, began = memory(), time.monotonic()
        waiting = [threading.Thread(target=wait, args=(job_id,)) for job_id in jobs]
        for thread in waiting:
            thread.start()
        with Redis.from_url(url, client_name="bench") as redis:
            until_subscribed(redis, THREADS)
        started = time.monotonic() - began
        until_idle()
        figured = figures(url, started, (memory() - before) / THREADS)
        ended = ending(url).communicate("\n".join(jobs))[0]
        for thread in waiting:
            thread.join()
    report(f"{THREADS} threads", ended, returned, figured)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        end(sys.argv[1])
    else:
        with RedisServer() as server:
            asyncio.run(tasks(server.url))
        with RedisServer() as server:
            threads(server.url)
