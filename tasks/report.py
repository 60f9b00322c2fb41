"""What one message came to: a value that Celery and Flower are told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from facelift.codes import JobState, WaitReason


class Verdict(StrEnum):
    """What one message came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    WAITS = "waits"
    WITHDRAWN = "withdrawn"
    """The job was superseded or cancelled, or nobody knows it."""
    DROPPED = "dropped"
    """Another worker has the job; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message came to, for Celery and Flower.

    Attributes:
        verdict: the kind.
        sentence: the same for a person.
        until: Unix seconds of the next look, when it waits for a time.
    """

    verdict: Verdict
    sentence: str
    until: float | None = None


def ended_before(state: JobState) -> Report:
    """The report for a message whose job has ended already, or ended before its request."""
    verdict = {
        JobState.SUCCEEDED: Verdict.DELIVERED,
        JobState.FAILED: Verdict.FAILED,
        JobState.EXPIRED: Verdict.FAILED,
    }.get(state, Verdict.WITHDRAWN)
    return Report(verdict, f"The job has ended before: {state}.")


def waits(reason: WaitReason, message: str, until: float) -> Report:
    """The report for a job that is not to go on now."""
    # The others wait for something to happen; their `until` is the job's deadline.
    is_timed = reason in {WaitReason.RETRY, WaitReason.SCHEDULED}
    return Report(Verdict.WAITS, message, until if is_timed else None)
