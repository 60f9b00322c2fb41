"""Celery as its first steps show it, with results in Redis."""

from __future__ import annotations

from celery import Celery, group

from benchmarks import job

app = Celery("bench", broker=job.REDIS, backend=job.REDIS)


@app.task
def upload(bot: str, image: str) -> dict[str, int | str]:
    """The job."""
    return job.deliver(bot, image)


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload.delay(bot, image)


def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    group(upload.s(*each) for each in jobs).apply_async()
