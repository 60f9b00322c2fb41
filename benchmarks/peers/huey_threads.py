"""huey, with results in Redis, as is its default."""

from __future__ import annotations

from huey import RedisHuey

from benchmarks import job

huey = RedisHuey("bench", url=job.REDIS)


@huey.task()
def upload(bot: str, image: str) -> dict[str, int | str]:
    """The job."""
    return job.deliver(bot, image)


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload(bot, image)
