"""What a message led to, as a value, and how Celery and Flower show it.

Flower keeps the state of a task's last event. SUCCESS and FAILURE are for jobs that ended so:
over a success, Flower shows no later failure. A job that waits is shown as RETRY, although
nothing is published for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from celery.exceptions import Ignore, Reject, Retry

from facelift.codes import JobState, WaitReason


class Verdict(StrEnum):
    """The kind of a report."""

    DELIVERED = "delivered"
    FAILED = "failed"
    WAITS = "waits"
    WITHDRAWN = "withdrawn"
    """The job was superseded or cancelled, or does not exist."""
    DROPPED = "dropped"
    """Another worker runs the job; nothing was changed."""
    REQUEUED = "requeued"
    """Redis refused to record the message; it goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a message led to.

    Attributes:
        verdict: the kind.
        sentence: the same for a person.
        until: Unix seconds at which the job is due again; None if it waits for an event.
    """

    verdict: Verdict
    sentence: str
    until: float | None = None


class JobFailed(Exception):  # noqa: N818 - Celery and Flower show this name
    """The job ended without a delivery; its record says why."""


class JobWaits(Exception):  # noqa: N818 - Celery and Flower show this name
    """The job waits in the ledger, or another worker runs it."""


def ended_before(state: JobState) -> Report:
    """The report for a message whose job ended before the message, or before its request."""
    verdict = {
        JobState.SUCCEEDED: Verdict.DELIVERED,
        JobState.FAILED: Verdict.FAILED,
        JobState.EXPIRED: Verdict.FAILED,
    }.get(state, Verdict.WITHDRAWN)
    return Report(verdict, f"The job has already ended: {state}.")


def waits(reason: WaitReason, message: str, until: float) -> Report:
    """The report for a job that cannot go on now."""
    # The other reasons wait for an event; their `until` is the job's deadline.
    is_timed = reason in {WaitReason.RETRY, WaitReason.SCHEDULED}
    return Report(Verdict.WAITS, message, until if is_timed else None)


def celery_result(report: Report, send_revoked: Callable[[], None]) -> str:
    """Return the task's result, or raise the exception that gives the task its state.

    Args:
        report: what the message led to.
        send_revoked: sends the event `task-revoked`, which Celery sends only for its own revokes.
    """
    match report.verdict:
        case Verdict.DELIVERED:
            return report.sentence
        case Verdict.FAILED:
            raise JobFailed(report.sentence)
        case Verdict.WITHDRAWN:
            send_revoked()
            raise Ignore
        case Verdict.REQUEUED:
            raise Reject(report.sentence, requeue=True)
        case Verdict.WAITS | Verdict.DROPPED:
            # Nothing is published: the job waits in the schedule, or another worker has it.
            raise Retry(report.sentence, exc=JobWaits(_with_time(report)))


def _with_time(report: Report) -> str:
    if report.until is None:
        return report.sentence
    due = datetime.fromtimestamp(report.until, UTC)
    return f"{report.sentence} Due at {due:%Y-%m-%d %H:%M:%S} UTC."
