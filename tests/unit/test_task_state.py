"""Which state Celery, and so Flower, makes of what a message came to."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore, Retry

from facelift.codes import JobState, WaitReason
from tasks.report import Report, Verdict, ended_before, waits
from tasks.state import JobFailed, tell_celery


def told(report: Report) -> tuple[str, str]:
    """The state, and what is said with it."""
    revoked: list[str] = []
    try:
        return "SUCCESS", tell_celery(report, lambda: revoked.append("revoked"))
    except JobFailed as failed:
        return "FAILURE", str(failed)
    except Retry as retry:
        return "RETRY", str(retry.exc)
    except Ignore:
        return "REVOKED" if revoked else "STARTED", ""


def test_wait_is_a_retry_with_its_reason_and_next_time() -> None:
    report = waits(WaitReason.RETRY, "The endpoint answered 500.", 1_800_000_000)
    assert told(report) == (
        "RETRY",
        "The endpoint answered 500. Next look at 2027-01-15 08:00:00 UTC.",
    )


def test_wait_for_something_to_happen_tells_no_time() -> None:
    report = waits(WaitReason.NEWER_UPLOAD, "A newer picture goes first.", 1_800_000_000)
    assert told(report) == ("RETRY", "A newer picture goes first.")


def test_message_for_a_job_that_another_worker_runs_is_no_success() -> None:
    assert told(Report(Verdict.DROPPED, "Another worker runs the job."))[0] == "RETRY"


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (JobState.SUCCEEDED, "SUCCESS"),
        (JobState.FAILED, "FAILURE"),
        (JobState.EXPIRED, "FAILURE"),
        (JobState.SUPERSEDED, "REVOKED"),
        (JobState.CANCELLED, "REVOKED"),
    ],
)
def test_message_for_an_ended_job_shows_how_that_ended(state: JobState, shown: str) -> None:
    assert told(ended_before(state))[0] == shown


def test_message_that_nobody_knows_is_not_left_as_started() -> None:
    assert told(Report(Verdict.WITHDRAWN, "Nobody knows the job."))[0] == "REVOKED"
