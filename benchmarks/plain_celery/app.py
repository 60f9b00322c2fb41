"""An upload as a plain Celery task, with what Celery's guide recommends for reliability."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from celery import Celery
from celery.signals import worker_ready

if TYPE_CHECKING:
    from celery.app.task import Task

QUEUE = "facelift"  # where the faults look for messages
MEDIA = os.environ.get("FACELIFT_IMAGE_STORES", "").removeprefix("media=file://")
UPLOAD = "/api/v1/upload-chatbot-profile-picture"

app = Celery("plain", broker=os.environ.get("FACELIFT_REDIS_URL"))
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    worker_pool="threads",
    worker_concurrency=6,
)


@app.task(  # type: ignore[untyped-decorator] # celery is untyped
    name="upload",
    bind=True,
    acks_late=True,
    autoretry_for=(requests.RequestException,),
    retry_backoff=1,
    retry_backoff_max=2,
    retry_jitter=True,
    max_retries=100,
)
def upload(_: Task, chatbot_id: str, image: str) -> None:
    """Upload the image; Celery retries when that fails."""
    answer = requests.post(
        os.environ["FACELIFT_ENDPOINT_URL"] + UPLOAD,
        headers={"Authorization": f"Bearer {os.environ['FACELIFT_API_KEY']}"},
        data={"chatbotId": chatbot_id},
        files={"profilePictureFile": (image, (Path(MEDIA) / image).read_bytes(), "image/png")},
        timeout=2.5,
    )
    answer.raise_for_status()


@worker_ready.connect  # type: ignore[untyped-decorator] # the same
def say_ready(**_: object) -> None:
    """Print the line that the chaos run waits for."""
    print("ready: plain Celery", flush=True)
