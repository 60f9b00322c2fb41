"""huey, with results in Redis, as is its default."""

from __future__ import annotations

from huey import RedisHuey

from benchmarks import job

huey = RedisHuey("bench", url=job.REDIS)


@huey.task()
def upload(bot: str, picture: str) -> dict[str, int | str]:
    """The job."""
    return job.deliver(bot, picture)


def enqueue(bot: str, picture: str) -> None:
    """One job."""
    upload(bot, picture)
