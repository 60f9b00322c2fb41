"""Which state Celery, and so Flower, gives a task for each report."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore, Reject, Retry

from facelift.codes import JobState, WaitReason
from tasks.report import JobFailed, Report, Verdict, celery_result, ended_before, waits


def shown(report: Report) -> tuple[str, str]:
    """The state, and the text beside it."""
    revoked: list[str] = []
    try:
        return "SUCCESS", celery_result(report, lambda: revoked.append("revoked"))
    except JobFailed as failed:
        return "FAILURE", str(failed)
    except Retry as retry:
        return "RETRY", str(retry.exc)
    except Reject as reject:
        return "REQUEUED" if reject.requeue else "REJECTED", str(reject.reason)
    except Ignore:
        return "REVOKED" if revoked else "STARTED", ""


def test_wait_is_a_retry_with_its_reason_and_next_time() -> None:
    report = waits(WaitReason.RETRY, "The endpoint answered 500.", 1_800_000_000)
    assert shown(report) == (
        "RETRY",
        "The endpoint answered 500. Due at 2027-01-15 08:00:00 UTC.",
    )


def test_wait_for_an_event_shows_no_time() -> None:
    report = waits(WaitReason.NEWER_UPLOAD, "A newer image goes first.", 1_800_000_000)
    assert shown(report) == ("RETRY", "A newer image goes first.")


def test_message_for_a_job_that_another_worker_runs_is_no_success() -> None:
    assert shown(Report(Verdict.DROPPED, "Another worker runs the job."))[0] == "RETRY"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (JobState.SUCCEEDED, "SUCCESS"),
        (JobState.FAILED, "FAILURE"),
        (JobState.EXPIRED, "FAILURE"),
        (JobState.SUPERSEDED, "REVOKED"),
        (JobState.CANCELLED, "REVOKED"),
    ],
)
def test_message_for_an_ended_job_shows_how_that_ended(state: JobState, expected: str) -> None:
    assert shown(ended_before(state))[0] == expected


def test_message_of_an_unknown_job_is_not_left_as_started() -> None:
    assert shown(Report(Verdict.WITHDRAWN, "The job does not exist."))[0] == "REVOKED"


def test_message_that_redis_refused_to_record_goes_back_to_the_queue() -> None:
    assert shown(Report(Verdict.REQUEUED, "READONLY")) == ("REQUEUED", "READONLY")
