"""taskiq on Redis streams, with results in Redis, as taskiq-redis shows it."""

from __future__ import annotations

import asyncio

from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqState
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks import job

broker = RedisStreamBroker(url=job.REDIS).with_result_backend(
    RedisAsyncResultBackend(redis_url=job.REDIS)
)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def open_session(state: TaskiqState) -> None:
    """Before the first job."""
    state.session = job.new_session()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close_session(state: TaskiqState) -> None:
    """After the last."""
    await state.session.close()


@broker.task
async def upload(
    bot: str,
    image: str,
    context: Context = TaskiqDepends(),  # noqa: B008 - taskiq's way
) -> dict[str, int | str]:
    """The job."""
    return await job.deliver_async(context.state.session, bot, image)


async def start() -> None:
    """As producer."""
    await broker.startup()


async def enqueue(bot: str, image: str) -> None:
    """One job."""
    await upload.kiq(bot, image)


async def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    await asyncio.gather(*(upload.kiq(*each) for each in jobs))
