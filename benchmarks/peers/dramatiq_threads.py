"""dramatiq, with results in Redis."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks import job

broker = RedisBroker(url=job.REDIS)
broker.add_middleware(Results(backend=RedisBackend(url=job.REDIS)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def upload(bot: str, image: str) -> dict[str, int | str]:
    """The job."""
    return job.deliver(bot, image)


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload.send(bot, image)


def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    dramatiq.group(upload.message(*each) for each in jobs).run()
