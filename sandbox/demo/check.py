"""Whether all came as the plan says, by the ledger and by the stand-in's own log."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from facelift import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from facelift import JobRecord
    from sandbox.demo.plan import PlannedJob
    from sandbox.endpoint.process import EndpointProcess


def surprises(
    jobs: Sequence[PlannedJob],
    records: Sequence[JobRecord],
    endpoint: EndpointProcess,
    pictures: Path,
) -> list[str]:
    """What is not as planned, a sentence each.

    Args:
        jobs: the plan.
        records: the ended jobs, in the same order.
        endpoint: the stand-in.
        pictures: the folder of the samples.
    """
    return [
        *_wrong_outcomes(jobs, records),
        *_wrong_requests(jobs, endpoint),
        *_wrong_pictures(jobs, endpoint, pictures),
    ]


def _wrong_outcomes(jobs: Sequence[PlannedJob], records: Sequence[JobRecord]) -> Iterator[str]:
    for job, record in zip(jobs, records, strict=True):
        if record.outcome is not job.outcome:
            yield (
                f"{job.picture.name} for {job.chatbot_id} should have ended as {job.outcome}, "
                f"but is {record.outcome or record.state}: {record.message}"
            )


def _wrong_requests(jobs: Sequence[PlannedJob], endpoint: EndpointProcess) -> Iterator[str]:
    planned: dict[str | None, list[int | None]] = defaultdict(list)
    received: dict[str | None, list[int | None]] = defaultdict(list)
    for job in jobs:
        planned[job.chatbot_id] += job.answers
    for arrival in endpoint.arrivals():
        received[arrival.chatbot_id].append(arrival.status)
    for chatbot_id in sorted(planned | received, key=str):
        if planned[chatbot_id] != received[chatbot_id]:
            yield (
                f"the stand-in should have answered {planned[chatbot_id]} to {chatbot_id}, "
                f"not {received[chatbot_id]}"
            )
    if overlapped := endpoint.stats()["overlapped"]:
        yield f"{overlapped} uploads of a chatbot overlapped"


def _wrong_pictures(
    jobs: Sequence[PlannedJob], endpoint: EndpointProcess, pictures: Path
) -> Iterator[str]:
    last = {job.chatbot_id: job for job in jobs if job.outcome is OutcomeCode.DELIVERED}
    for chatbot_id in dict.fromkeys(job.chatbot_id for job in jobs):
        job = last.get(chatbot_id)
        should = (pictures / job.picture.name).read_bytes() if job else None
        if endpoint.image(chatbot_id) != should:
            yield f"{chatbot_id} should have {job.picture.name if job else 'no picture'}"
