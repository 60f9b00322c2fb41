"""Facelift, with every promise on but the pacing, which would wait for the real endpoint's sake."""

from __future__ import annotations

from benchmarks import job
from facelift import UploadClient, UploadJob

client = UploadClient(job.REDIS)


def enqueue(bot: str, picture: str) -> None:
    """One job."""
    client.enqueue(bot, f"media:{picture}")


def enqueue_many(jobs: list[tuple[str, str]]) -> None:
    """Many at once."""
    client.enqueue_many(
        [UploadJob(chatbot_id=bot, image=f"media:{picture}") for bot, picture in jobs]
    )
