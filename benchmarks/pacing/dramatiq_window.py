"""dramatiq's WindowRateLimiter, shared through Redis; over the limit, its retries come back."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import Retry
from dramatiq.rate_limits import WindowRateLimiter
from dramatiq.rate_limits.backends import RedisBackend

from benchmarks import job

dramatiq.set_broker(RedisBroker(url=job.REDIS))
limiter = WindowRateLimiter(RedisBackend(url=job.REDIS), "account", limit=100, window=10)


# Its default backoff begins at 15 s and has 20 retries: a backlog would not survive.
@dramatiq.actor(max_retries=1_000_000, min_backoff=100, max_backoff=1_000)
def upload(bot: str, image: str) -> None:
    """The job; retried after a refusal when the endpoint allows."""
    data = job.read(image)
    with limiter.acquire():
        answer = job.post(bot, image, data)
    if answer.status_code == job.TOO_MANY:
        raise Retry("too many", delay=1_000 * int(answer.headers["Retry-After"]))
    answer.raise_for_status()


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload.send(bot, image)
