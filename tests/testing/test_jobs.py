"""`facelift_jobs`: clients work in memory, and jobs end as the test has it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from facelift import (
    IdempotencyConflict,
    JobNotFound,
    LedgerUnavailable,
    UploadClient,
    UploadJob,
    WaitTimeout,
)
from facelift.testing.jobs import FaceliftJobs

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = "redis://127.0.0.1:1/0"  # nothing listens there
HOUR = 3600


@pytest.fixture
def client(facelift_jobs: FaceliftJobs) -> UploadClient:
    return facelift_jobs.client


@pytest.fixture
def made_before() -> Iterator[UploadClient]:
    """As services keep one in a module; this fixture is set up before `facelift_jobs`."""
    with UploadClient(NOBODY, key_prefix="shop", lifetime=60) as client:
        yield client


def test_client_made_before_works_in_memory(
    made_before: UploadClient, facelift_jobs: FaceliftJobs
) -> None:
    job = made_before.enqueue("bot", "media:a.png")
    assert facelift_jobs.enqueued == [job]
    assert job.expires_at - job.created_at == pytest.approx(60)  # its own settings stay
    assert made_before.status(job.id) == job
    assert made_before.wait(job.id).outcome == "delivered"
    assert [each.outcome for each in made_before.outcomes("0", timeout=0)] == ["delivered"]
    assert made_before.history("bot")[0].id == job.id
    assert made_before.cancel(made_before.replay(job.id).id) == "cancelled"
    facelift_jobs.register("acme")
    made_before.pause("acme")
    assert facelift_jobs.client.pool().account("acme")


def test_client_made_inside_works_in_memory(
    facelift_jobs: FaceliftJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELIFT_REDIS_URL", NOBODY)
    with UploadClient.from_env() as client:
        job = client.enqueue("bot", "media:a.png")
    assert facelift_jobs.enqueued == [job]


def test_clients_have_their_own_ledger_again_afterwards(made_before: UploadClient) -> None:
    own = made_before.ledger
    with FaceliftJobs() as jobs:
        made_inside = UploadClient(NOBODY)
        assert made_before.ledger is made_inside.ledger
        assert made_before.enqueue("bot", "media:a.png") == jobs.client.find().records[0]
    assert made_before.ledger is own
    with pytest.raises(LedgerUnavailable):
        made_inside.status("job")


def test_client_with_a_ledger_of_its_own_keeps_it(facelift_jobs: FaceliftJobs) -> None:
    with FaceliftJobs() as others:
        facelift_jobs.client.enqueue("bot", "media:a.png")
        others.assert_nothing_enqueued()
    facelift_jobs.assert_enqueued(times=1)


def test_each_test_has_a_ledger_of_its_own(facelift_jobs: FaceliftJobs) -> None:
    with FaceliftJobs() as others:
        others.client.enqueue("bot", "media:a.png")
    facelift_jobs.assert_nothing_enqueued()


def test_job_is_delivered_unless_scripted(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png")
    (ended,) = facelift_jobs.run()
    assert (ended.id, ended.state, ended.outcome) == (job.id, "succeeded", "delivered")
    assert client.status(job.id) == ended


def test_retry_then_delivered_are_two_attempts(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    client.enqueue("bot", "media:a.png")
    (ended,) = facelift_jobs.run(503, "delivered")
    assert [(each.code, each.http_status, each.decision) for each in ended.attempts] == [
        ("server_error", 503, "retry"),
        ("delivered", 200, "succeed"),
    ]


def test_each_job_begins_with_the_first_outcome(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    for chatbot in ("bot-1", "bot-2"):
        client.enqueue(chatbot, "media:a.png")
    ended = facelift_jobs.run("timeout", "delivered")
    assert [len(each.attempts) for each in ended] == [2, 2]


def test_outcome_by_chatbot_and_by_image(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    facelift_jobs.script("chatbot_not_found", chatbot_id="gone")
    facelift_jobs.script("image_not_square", image="media:wide.png")
    for chatbot, image in (
        ("gone", "media:a.png"),
        ("bot", "media:wide.png"),
        ("ok", "media:b.png"),
    ):
        client.enqueue(chatbot, image)
    outcomes = [each.outcome for each in facelift_jobs.run()]
    assert outcomes == ["chatbot_not_found", "image_not_square", "delivered"]


def test_outcome_of_a_run_comes_before_the_script_and_ends_with_it(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    facelift_jobs.script("bad_request")
    client.enqueue("bot", "media:a.png")
    assert [each.outcome for each in facelift_jobs.run("delivered")] == ["delivered"]
    client.enqueue("bot", "media:a.png")
    assert [each.outcome for each in facelift_jobs.run()] == ["bad_request"]


def test_run_can_stop_between_two_attempts(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png")
    assert facelift_jobs.run("connection_failed", attempts=1) == []
    record = client.status(job.id)
    assert (record.state, record.wait_reason, record.attempts_used) == ("waiting", "retry", 1)
    assert facelift_jobs.run()[0].outcome == "delivered"


def test_job_that_has_ended_has_no_attempt(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    cancelled = client.enqueue("bot-1", "media:a.png")
    client.enqueue("bot-2", "media:a.png")
    client.cancel(cancelled.id)  # its message is still on the queue
    assert [each.chatbot_id for each in facelift_jobs.run(attempts=1)] == ["bot-2"]


def test_newer_image_supersedes_the_older(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    older = client.enqueue("bot", "media:old.png")
    newer = client.enqueue("bot", "media:new.png")
    ended = {each.id: each for each in facelift_jobs.run()}
    assert ended[newer.id].outcome == "delivered"
    assert (ended[older.id].state, ended[older.id].superseded_by) == ("superseded", newer.id)


def test_idempotency_key_gives_the_same_job_once(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    first = client.enqueue("bot", "media:a.png", idempotency_key="k")
    assert client.enqueue("bot", "media:a.png", idempotency_key="k").id == first.id
    with pytest.raises(IdempotencyConflict):
        client.enqueue("bot", "media:b.png", idempotency_key="k")
    facelift_jobs.assert_enqueued(times=1)


def test_idempotency_key_is_forgotten_when_its_time_has_passed(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    first = client.enqueue("bot", "media:a.png", idempotency_key="k")
    facelift_jobs.run()
    facelift_jobs.advance(23 * HOUR)
    assert client.enqueue("bot", "media:a.png", idempotency_key="k").id == first.id
    facelift_jobs.advance(2 * HOUR)
    assert client.enqueue("bot", "media:a.png", idempotency_key="k").id != first.id


def test_scheduled_job_starts_when_its_time_has_come(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png", not_before=time.time() + HOUR)
    assert facelift_jobs.run() == []
    assert client.status(job.id).wait_reason == "scheduled"
    facelift_jobs.advance(HOUR + 1)
    assert client.status(job.id).state == "queued"
    assert facelift_jobs.run()[0].outcome == "delivered"


def test_job_expires_at_its_deadline(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    job = client.enqueue("bot", "media:a.png", expires_at=time.time() + HOUR)
    facelift_jobs.run("timeout", attempts=1)
    facelift_jobs.advance(HOUR + 1)
    assert client.status(job.id).outcome == "expired"


def test_ended_record_is_forgotten_when_its_time_has_passed(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png")
    facelift_jobs.run()
    facelift_jobs.advance(8 * 24 * HOUR)
    with pytest.raises(JobNotFound):
        client.status(job.id)
    facelift_jobs.assert_enqueued(chatbot_id="bot", outcome="delivered")  # the test still knows


def test_time_does_not_go_back(facelift_jobs: FaceliftJobs) -> None:
    with pytest.raises(ValueError, match="time does not go back"):
        facelift_jobs.advance(-1)


def test_waiting_code_sees_the_scripted_outcome_at_once(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    facelift_jobs.script(429, 500, "image_too_large")
    job = client.enqueue("bot", "media:a.png")
    assert client.wait(job.id, timeout=30).outcome == "image_too_large"


def test_watching_code_sees_each_change(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    facelift_jobs.script(500, "delivered")
    job = client.enqueue("bot", "media:a.png")
    seen = [(each.state, each.wait_reason) for each in client.watch(job.id, timeout=30)]
    assert seen == [
        ("queued", None),
        ("waiting", "retry"),
        ("queued", None),
        ("succeeded", None),
    ]


def test_outcomes_and_history_have_the_job(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png")
    facelift_jobs.run("image_truncated")
    (outcome,) = client.outcomes("0", timeout=0)
    assert (outcome.job_id, outcome.outcome) == (job.id, "image_truncated")
    assert [each.id for each in client.history("bot")] == [job.id]


def test_waiting_code_times_out_by_the_ledgers_clock(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png", not_before=time.time() + HOUR)
    before = facelift_jobs.now
    with pytest.raises(WaitTimeout):
        client.wait(job.id, timeout=600)
    assert facelift_jobs.now - before >= 600
    assert client.wait(job.id, timeout=HOUR).outcome == "delivered"


def test_paused_account_keeps_its_jobs_from_running(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    client.pause("default", reason="a new key")
    job = client.enqueue("bot", "media:a.png")
    assert facelift_jobs.run() == []
    assert client.status(job.id).wait_reason == "account_paused"
    client.resume("default")
    assert facelift_jobs.run()[0].outcome == "delivered"


def test_cancelled_job_is_not_attempted(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    job = client.enqueue("bot", "media:a.png")
    client.cancel(job.id)
    assert facelift_jobs.run() == []
    assert client.status(job.id).outcome == "cancelled"
    assert client.replay(job.id).replay_of == job.id


def test_threads_share_the_ledger(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    outcomes: list[object] = []

    def upload(number: int) -> None:
        job = client.enqueue(f"bot-{number}", "media:a.png")
        outcomes.append(client.wait(job.id).outcome)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["delivered"] * 8
    assert len(facelift_jobs.enqueued) == 8


def test_enqueued_job_is_found_by_any_of_its_fields(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    start = datetime(2099, 1, 1, tzinfo=UTC)
    job = client.enqueue("bot", "media:a.png", fit="crop", not_before=start)
    found = facelift_jobs.assert_enqueued(
        chatbot_id="bot", image=ANY, fit="crop", not_before=start, state="waiting"
    )
    assert found == job


def failure(check: Any, *arguments: Any, **fields: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **fields)
    return str(caught.value)


def test_failed_expectation_shows_what_was_enqueued_instead(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    client.enqueue("bot-1", "media:b.png", account="acme")
    client.enqueue("bot-2", "media:a.png", fit="crop")
    assert failure(
        facelift_jobs.assert_enqueued, chatbot_id="bot-2", image="media:b.png", fit="crop"
    ) == (
        "No job was enqueued with chatbot_id='bot-2', image='media:b.png', fit='crop'.\n"
        "2 jobs were enqueued:\n"
        "  chatbot_id='bot-2', image='media:a.png', fit='crop'  <- image\n"
        "  chatbot_id='bot-1', image='media:b.png', account='acme', fit='strict'"
        "  <- chatbot_id, fit"
    )


def test_failed_expectation_says_that_nothing_was_enqueued(facelift_jobs: FaceliftJobs) -> None:
    assert failure(facelift_jobs.assert_enqueued) == "No job was enqueued.\nNothing was enqueued."


def test_wrong_count_shows_both_numbers(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    client.enqueue("bot", "media:a.png")
    assert failure(facelift_jobs.assert_enqueued, times=2, chatbot_id="bot").startswith(
        "1 job was enqueued with chatbot_id='bot', not 2.\n1 job was enqueued:"
    )


def test_long_list_of_what_was_enqueued_is_cut(
    facelift_jobs: FaceliftJobs, client: UploadClient
) -> None:
    for number in range(25):
        client.enqueue(f"bot-{number}", "media:a.png")
    message = failure(facelift_jobs.assert_enqueued, chatbot_id="other")
    assert message.endswith("  ... and 5 more")


def test_unexpected_job_is_shown(facelift_jobs: FaceliftJobs, client: UploadClient) -> None:
    client.enqueue("bot", "media:a.png")
    facelift_jobs.assert_nothing_enqueued(chatbot_id="other")
    assert failure(facelift_jobs.assert_nothing_enqueued) == (
        "No job should be enqueued.\n1 job was enqueued:\n  chatbot_id='bot', image='media:a.png'"
    )


def test_field_that_no_job_has_is_refused(facelift_jobs: FaceliftJobs) -> None:
    with pytest.raises(TypeError, match="chatbot is not a field of a job: id, "):
        facelift_jobs.assert_nothing_enqueued(chatbot="bot")


def test_run_for_a_chatbot_needs_an_outcome(facelift_jobs: FaceliftJobs) -> None:
    with pytest.raises(ValueError, match="say what the attempts end in"):
        facelift_jobs.run(chatbot_id="bot")
    with pytest.raises(ValueError, match="say what the attempts end in"):
        facelift_jobs.script(chatbot_id="bot")


def test_waiting_for_a_batch_has_its_jobs_done(facelift_jobs: FaceliftJobs) -> None:
    client = UploadClient()
    jobs = [UploadJob(chatbot_id=f"bot-{n}", image="media:a.png", batch="logos") for n in range(3)]
    client.enqueue_many(jobs)
    facelift_jobs.script("image_not_square", chatbot_id="bot-1")
    status = client.wait_batch("logos")
    assert status.states == {"succeeded": 2, "failed": 1}
    assert [record.chatbot_id for record in facelift_jobs.enqueued] == ["bot-0", "bot-1", "bot-2"]
