"""An image upload as Celery's guide on tasks writes one that must be reliable.

Late acknowledgement, retries by `autoretry_for` with `retry_backoff` and 5 of them, results in
Redis: all options that the guide names, with the values of its examples.
"""

from __future__ import annotations

import requests
from celery import Celery

from benchmarks import job

app = Celery("guide", broker=job.REDIS, backend=job.REDIS)
app.conf.update(broker_connection_retry_on_startup=True)


@app.task(
    acks_late=True,
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    retry_kwargs={"max_retries": 5},
)
def upload(bot: str, image: str) -> dict[str, int | str]:
    """Upload the image."""
    return job.deliver(bot, image)
