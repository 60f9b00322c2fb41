"""Celery's own `rate_limit`, which holds for each worker process by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from celery import Celery

from benchmarks import job

if TYPE_CHECKING:
    from celery.app.task import Task

app = Celery("bench", broker=job.REDIS)
app.conf.update(task_ignore_result=True)


@app.task(bind=True, rate_limit=os.environ.get("BENCH_RATE", "10/s"), max_retries=None)
def upload(task: Task, bot: str, image: str) -> None:
    """The job; retried after a refusal when the endpoint allows."""
    answer = job.post(bot, image, job.read(image))
    if answer.status_code == job.TOO_MANY:
        raise task.retry(countdown=float(answer.headers["Retry-After"]))
    answer.raise_for_status()


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload.delay(bot, image)
