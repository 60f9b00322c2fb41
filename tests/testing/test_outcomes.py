"""Every outcome code can be scripted, or is refused with what to do instead."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from facelift.asset import Asset
from facelift.codes import OutcomeCode
from facelift.errors import InvalidJob
from facelift.testing.outcome import Outcome

if TYPE_CHECKING:
    from facelift.testing.jobs import FaceliftJobs

NOT_OF_A_TRY = {"expired", "superseded", "cancelled", "invalid_job"}
PAUSES = {"unauthorized"}
TRIED_AGAIN = {
    "server_error",
    "rate_limited",
    "too_early",
    "timeout",
    "connection_failed",
    "connection_lost",
    "dns_failed",
    "tls_failed",
    "malformed_response",
    "image_store_unavailable",
    "worker_busy",
    "internal_error",
    "worker_lost",
}
FINAL = [code for code in OutcomeCode if code not in NOT_OF_A_TRY | TRIED_AGAIN | PAUSES]


def test_final_outcome_ends_the_job(facelift_jobs: FaceliftJobs) -> None:
    for code in FINAL:
        facelift_jobs.script(code, chatbot_id=code)
        facelift_jobs.client.enqueue(code, "media:a.png")
    ended = facelift_jobs.run()
    assert [each.outcome for each in ended] == ["delivered" if c == "removed" else c for c in FINAL]
    assert {each.outcome for each in ended if each.state == "succeeded"} == {"delivered"}
    assert {each.state for each in ended} == {"succeeded", "failed"}


def test_retryable_outcome_is_attempted_again(facelift_jobs: FaceliftJobs) -> None:
    codes = sorted(TRIED_AGAIN)
    for code in codes:
        facelift_jobs.script(code, "delivered", chatbot_id=code)
        facelift_jobs.client.enqueue(code, "media:a.png")
    histories = [[str(each.code) for each in job.attempts] for job in facelift_jobs.run()]
    assert histories == [[code, "delivered"] for code in codes]


@pytest.mark.parametrize("code", sorted(NOT_OF_A_TRY))
def test_outcome_that_comes_about_otherwise_is_refused(
    facelift_jobs: FaceliftJobs, code: str
) -> None:
    with pytest.raises(ValueError, match=f"{code} is not what an attempt ends in: "):
        facelift_jobs.script(code)


def test_attempts_run_out_after_as_many_as_workers_make(facelift_jobs: FaceliftJobs) -> None:
    facelift_jobs.client.enqueue("bot", "media:a.png")
    (ended,) = facelift_jobs.run("retries_exhausted")
    assert ended.attempts_used == 8
    assert ended.message.startswith("Gave up after 8 attempts; the last: The endpoint answered 500")


def test_refused_key_pauses_the_account(facelift_jobs: FaceliftJobs) -> None:
    for number in range(4):
        facelift_jobs.client.enqueue(f"bot-{number}", "media:a.png")
    facelift_jobs.client.enqueue("late", "media:a.png", expires_at=time.time() + 60)
    assert facelift_jobs.run("unauthorized") == []
    assert {job.wait_reason for job in facelift_jobs.enqueued} == {"account_paused"}
    facelift_jobs.advance(61)
    late = facelift_jobs.enqueued[-1]
    assert (late.outcome, late.attempts_used) == ("unauthorized", 0)
    assert facelift_jobs.client.resume("default")
    assert {job.outcome for job in facelift_jobs.run()} == {"delivered"}


def test_pause_that_the_endpoint_asks_for_is_kept(facelift_jobs: FaceliftJobs) -> None:
    facelift_jobs.client.enqueue("bot", "media:a.png")
    (ended,) = facelift_jobs.run(Outcome(OutcomeCode.RATE_LIMITED, retry_after=120), "delivered")
    throttled, delivered = ended.attempts
    assert delivered.started_at - throttled.started_at >= 120
    assert ended.attempts_used == 1


def test_http_status_means_what_it_means_to_a_worker() -> None:
    assert [Outcome.of(status).code for status in (200, 307, 404, 408, 418, 429, 503)] == [
        "delivered",
        "unexpected_redirect",
        "chatbot_not_found",
        "timeout",
        "rejected",
        "rate_limited",
        "server_error",
    ]


@pytest.mark.parametrize(
    ("like", "problem"),
    [
        ("image_not_squared", "'image_not_squared' is no outcome; there are: delivered, "),
        (999, "999 is no HTTP status"),
    ],
)
def test_unknown_outcome_is_refused(like: str | int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Outcome.of(like)


def test_details_must_go_with_the_code() -> None:
    with pytest.raises(ValueError, match="the endpoint's answer 500 does not mean delivered"):
        Outcome(OutcomeCode.DELIVERED, http_status=500)
    with pytest.raises(ValueError, match="retry_after goes with rate_limited only"):
        Outcome(OutcomeCode.SERVER_ERROR, retry_after=1)


@pytest.mark.nightly  # takes hundreds of jobs
def test_failures_of_many_jobs_do_not_open_the_breaker(facelift_jobs: FaceliftJobs) -> None:
    for number in range(30):
        facelift_jobs.client.enqueue(f"bot-{number}", "media:a.png")
    ended = facelift_jobs.run(503, 503, "delivered")
    assert {each.attempts_used for each in ended} == {3}
    assert facelift_jobs.client.pool().breaker == "closed"


@pytest.mark.parametrize("success", ["removed", "delivered", 200])
def test_success_of_a_removal_is_removed(facelift_jobs: FaceliftJobs, success: str | int) -> None:
    facelift_jobs.client.enqueue("bot", "media:a.png", asset="icon")
    facelift_jobs.client.remove("bot")
    delivered, removed = facelift_jobs.run(success)
    assert (delivered.outcome, removed.outcome) == ("delivered", "removed")
    assert removed.message == "Removed, as the test has it."
    facelift_jobs.assert_enqueued(chatbot_id="bot", action="remove", times=1)


def test_script_chooses_jobs_by_asset_and_action(facelift_jobs: FaceliftJobs) -> None:
    facelift_jobs.script("chatbot_not_found", asset="icon", action="remove")
    for asset in Asset:
        facelift_jobs.client.enqueue(f"{asset}-1", "media:a.png", asset=asset)
        facelift_jobs.client.remove(f"{asset}-2", asset=asset)
    outcomes = [each.outcome for each in facelift_jobs.run()]
    assert outcomes == ["delivered", "removed", "delivered", "chatbot_not_found"]
    with pytest.raises(InvalidJob):
        facelift_jobs.script(200, asset="avatar")  # type: ignore[arg-type]
