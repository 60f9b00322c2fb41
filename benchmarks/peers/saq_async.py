"""saq, whose jobs keep their results in Redis."""

from __future__ import annotations

import asyncio
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


async def upload(context: dict[str, Any], *, bot: str, image: str) -> dict[str, int | str]:
    """The job."""
    return await job.deliver_async(context["session"], bot, image)


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
    """One job."""
    await queue.enqueue("upload", bot=bot, image=image)


async def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    await asyncio.gather(*(enqueue(*each) for each in jobs))
