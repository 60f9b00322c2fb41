"""What one message came to, in Celery's terms, so that Flower shows what is true.

Flower keeps the state that a task's last event told. Success and failure are for jobs that
ended so: over a success it shows no failure any more. A wait is Celery's retry, although
nothing is published for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from celery.exceptions import Ignore, Retry

from tasks.report import Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


class JobFailed(Exception):  # noqa: N818 - what Celery and Flower show of a failed job
    """The job ended without a delivery; the ledger tells why."""


class JobWaits(Exception):  # noqa: N818 - the same of one that waits
    """The job waits in the ledger, or another worker has it."""


def tell_celery(report: Report, revoke: Callable[[], None]) -> str:
    """Return what the task returns, or raise what Celery makes its state of.

    Args:
        report: what the message came to.
        revoke: has Flower told that the task is revoked; Celery itself tells nothing then.
    """
    match report.verdict:
        case Verdict.DELIVERED:
            return report.sentence
        case Verdict.FAILED:
            raise JobFailed(report.sentence)
        case Verdict.WITHDRAWN:
            revoke()
            raise Ignore
        case Verdict.WAITS | Verdict.DROPPED:
            # Nothing is published: the job waits in the schedule, or is somebody else's.
            raise Retry(report.sentence, exc=JobWaits(_with_time(report)))


def _with_time(report: Report) -> str:
    if report.until is None:
        return report.sentence
    at = datetime.fromtimestamp(report.until, UTC)
    return f"{report.sentence} Next look at {at:%Y-%m-%d %H:%M:%S} UTC."
