"""arq, with results in Redis, as is its default."""

from __future__ import annotations

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from benchmarks import job

_SETTINGS = RedisSettings.from_dsn(job.REDIS)
_pool: list[ArqRedis] = []


async def open_session(context: dict[str, Any]) -> None:
    """Before the first job."""
    context["session"] = job.new_session()


async def close_session(context: dict[str, Any]) -> None:
    """After the last."""
    await context["session"].close()


async def upload(context: dict[str, Any], bot: str, image: str) -> dict[str, int | str]:
    """The job."""
    return await job.deliver_async(context["session"], bot, image)


class WorkerSettings:
    """What arq's command reads."""

    functions = (upload,)
    on_startup = open_session
    on_shutdown = close_session
    redis_settings = _SETTINGS
    max_jobs = job.CONCURRENCY
    poll_delay = 0.01  # its default of half a second would be its latency


async def start() -> None:
    """As producer."""
    _pool.append(await create_pool(_SETTINGS))


async def enqueue(bot: str, image: str) -> None:
    """One job."""
    await _pool[0].enqueue_job("upload", bot, image)


async def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    await asyncio.gather(*(_pool[0].enqueue_job("upload", *each) for each in jobs))
