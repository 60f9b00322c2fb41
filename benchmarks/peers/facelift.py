"""Facelift with all features, except the rate limit, which this endpoint does not need."""

from __future__ import annotations

from benchmarks import job
from facelift import UploadClient, UploadJob

client = UploadClient(job.REDIS)


def enqueue(bot: str, image: str) -> None:
    """One job."""
    client.enqueue(bot, f"media:{image}")


def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    client.enqueue_many([UploadJob(chatbot_id=bot, image=f"media:{image}") for bot, image in jobs])
