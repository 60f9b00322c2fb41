"""Celery without results; the outcome goes into a hash of our own."""

from __future__ import annotations

from celery import Celery, group
from redis import Redis

from benchmarks import job

app = Celery("bench", broker=job.REDIS)
app.conf.update(task_ignore_result=True, worker_send_task_events=False)
outcomes = Redis.from_url(job.REDIS)


@app.task
def upload(bot: str, image: str) -> None:
    """The job."""
    outcomes.hset(f"outcome:{bot}", mapping=job.deliver(bot, image))


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload.delay(bot, image)


def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    group(upload.s(*each) for each in jobs).apply_async()
