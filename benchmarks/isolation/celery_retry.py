"""The upload as a Celery task that retries as Celery's guide has it, with Facelift's attempts."""

from __future__ import annotations

import requests
from celery import Celery

from benchmarks import job

app = Celery("isolation", broker=job.REDIS)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@app.task(
    acks_late=True,
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    retry_backoff_max=300,
    retry_jitter=True,
    max_retries=100,
)
def upload(bot: str, image: str) -> None:
    """Upload the image."""
    job.deliver(bot, image)


def enqueue(bot: str, image: str) -> None:
    """One job."""
    upload.delay(bot, image)
