"""The upload as a saq job that retries with its own backoff and jitter."""

from __future__ import annotations

from typing import Any

from saq import Queue

from benchmarks import job

queue = Queue.from_url(job.REDIS)


async def open_session(context: dict[str, Any]) -> None:
    """Before the first job."""
    context["session"] = job.new_session()


async def close_session(context: dict[str, Any]) -> None:
    """After the last."""
    await context["session"].close()


async def upload(context: dict[str, Any], *, bot: str, image: str) -> None:
    """The job."""
    await job.deliver_async(context["session"], bot, image)


settings = {
    "queue": queue,
    "functions": [upload],
    "concurrency": job.CONCURRENCY,
    "startup": open_session,
    "shutdown": close_session,
}


async def start() -> None:
    """As producer."""
    await queue.connect()


async def enqueue(bot: str, image: str) -> None:
    """One job; saq's own time limit of 10 s would end an upload that may take 30."""
    await queue.enqueue(
        "upload",
        bot=bot,
        image=image,
        retries=100,
        retry_delay=1.0,
        retry_backoff=300.0,
        timeout=60,
    )
