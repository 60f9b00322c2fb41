"""Second thoughts: a producer cancels a job, or has an ended one done again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift import Cancellation, InvalidJob, JobNotFound, OutcomeCode, UploadClient
from facelift.cli.group import cli
from facelift.job import UploadJob
from facelift.ledger.pool import BreakerPolicy, Retention
from facelift.ledger.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.ledger.driver import Ledger

SHA256 = "0123456789abcdef" * 4
DAY = 86_400


@pytest.fixture
def facelift(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, on the same Redis."""
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def enqueue(client: UploadClient, **fields: Any) -> str:
    return client.enqueue("bot-1", "media:a.png", **fields).id


def running(client: UploadClient, worker: Ledger) -> str:
    job = enqueue(client)
    worker.acquire(job)
    return job


def delivered(client: UploadClient, worker: Ledger, **fields: Any) -> str:
    job = enqueue(client, **fields)
    worker.deliver(worker.acquire_with_permit(job))
    return job


def test_queued_job_is_cancelled_at_once(client: UploadClient) -> None:
    job = enqueue(client)
    assert client.cancel(job) is Cancellation.CANCELLED
    record = client.status(job)
    assert (record.state, record.outcome) == ("cancelled", "cancelled")


def test_scheduled_job_is_cancelled_at_once(client: UploadClient, worker: Ledger) -> None:
    job = enqueue(client, not_before=worker.now + 365 * DAY)
    assert client.cancel(job) is Cancellation.CANCELLED


def test_cancel_of_a_running_job_is_requested(client: UploadClient, worker: Ledger) -> None:
    job = enqueue(client)
    lease = worker.acquire_with_permit(job)
    assert client.cancel(job) is Cancellation.REQUESTED
    assert client.status(job).state == "running"
    worker.deliver(lease)
    assert client.status(job).state == "succeeded"


def test_ended_job_is_not_cancelled(client: UploadClient, worker: Ledger) -> None:
    job = delivered(client, worker)
    assert client.cancel(job) is Cancellation.ENDED
    assert client.status(job).state == "succeeded"


def test_cancel_of_an_unknown_job_raises(client: UploadClient) -> None:
    with pytest.raises(JobNotFound):
        client.cancel("nobody")
    with pytest.raises(InvalidJob, match="job_id"):
        client.cancel("no id")


def test_cancelled_record_is_kept_for_7_days_while_no_worker_has_registered(
    client: UploadClient, redis: Any
) -> None:
    job = enqueue(client)
    client.cancel(job)
    assert 6 * DAY < redis.ttl(client.ledger.keys.job(job)) <= 7 * DAY


def test_record_cancelled_by_a_producer_is_kept_as_long_as_the_workers_settings_say(
    client: UploadClient, redis: Any
) -> None:
    worker = JobStore(redis)
    worker.pool.register(BreakerPolicy(), [], retention=Retention(cancelled=3600))
    job = enqueue(client)
    client.cancel(job)
    assert 3500 < redis.ttl(client.ledger.keys.job(job)) <= 3600


def test_replay_is_a_new_job_about_the_same_that_points_at_the_old_one(
    client: UploadClient, worker: Ledger
) -> None:
    flow = {"priority": "low", "fairness_key": "customer-42"}
    old = delivered(client, worker, account="shop", sha256=SHA256, **flow)
    new = client.replay(old)
    assert new.id != old
    assert (new.state, new.replay_of) == ("queued", old)
    assert (new.chatbot_id, new.image) == ("bot-1", "media:a.png")
    assert (new.account, new.sha256, new.fit) == ("shop", SHA256, "strict")
    assert (new.priority, new.fairness_key) == ("low", "customer-42")
    assert client.status(new.id).replay_of == old
    assert client.status(old).state == "succeeded"


def test_replay_has_neither_the_key_nor_the_times_of_the_old_job(
    client: UploadClient, worker: Ledger, redis: Any
) -> None:
    redis_now = float(redis.time()[0])
    old = enqueue(client, idempotency_key="k", not_before=1e9, expires_at=redis_now + 3600)
    worker.fail(worker.acquire(old))
    new = client.replay(old)
    assert (new.idempotency_key, new.not_before) == (None, None)
    assert new.expires_at - new.created_at == pytest.approx(DAY)
    assert enqueue(client, idempotency_key="k", not_before=1e9, expires_at=redis_now + 3600) == old


def test_replay_may_be_replayed(client: UploadClient, worker: Ledger) -> None:
    first = client.replay(delivered(client, worker))
    worker.fail(worker.acquire(first.id))
    assert client.replay(first.id).replay_of == first.id


@pytest.mark.parametrize("state", ["queued", "running", "waiting"])
def test_job_that_has_not_ended_is_not_replayed(
    client: UploadClient, worker: Ledger, redis: Any, state: str
) -> None:
    job = enqueue(client, not_before=None if state != "waiting" else 90_000_000_000)
    if state == "running":
        worker.acquire(job)
    before = set(redis.keys("*"))
    with pytest.raises(InvalidJob, match=f"replay_of: job {job} is {state}"):
        client.replay(job)
    assert set(redis.keys("*")) == before


def test_what_never_could_be_carried_out_is_not_replayed(client: UploadClient) -> None:
    client.ledger.refuse("bad", OutcomeCode.INVALID_JOB, "No image.", {"chatbot_id": "bot-1"})
    with pytest.raises(InvalidJob, match="image"):
        client.replay("bad")


def test_replay_of_an_unknown_job_raises(client: UploadClient) -> None:
    with pytest.raises(JobNotFound):
        client.replay("nobody")


def test_idempotency_key_is_remembered_for_the_window(redis: Any) -> None:
    client = UploadClient(redis=redis, idempotency_window=90.5)
    client.enqueue_job(UploadJob(chatbot_id="b", image="media:a.png", idempotency_key="k"))
    assert 80 < redis.ttl(client.ledger.keys.idempotency("k")) <= 91


def test_command_cancels_and_exits_with_0(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    job = enqueue(client)
    done = facelift("cancel", job)
    assert (done.exit_code, done.output) == (0, "Cancelled; its image will not be delivered.\n")
    assert client.status(job).state == "cancelled"
    again = facelift("cancel", job)
    assert (again.exit_code, again.output) == (done.exit_code, done.output)


def test_cancel_command_exits_with_6_for_a_running_job(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    done = facelift("cancel", running(client, worker))
    assert done.exit_code == 6
    assert "may still be delivered" in done.output


def test_cancel_command_exits_with_1_for_an_ended_job(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    done = facelift("cancel", delivered(client, worker))
    assert (done.exit_code, done.output) == (
        1,
        "Too late: the job has ended before, as succeeded.\n",
    )


@pytest.mark.parametrize("command", ["cancel", "replay"])
def test_commands_exit_with_4_for_an_unknown_job(
    facelift: Callable[..., Result], command: str
) -> None:
    done = facelift(command, "nobody")
    assert done.exit_code == 4
    assert "no job 'nobody'" in done.output


def test_cancel_prints_the_record_and_the_answer_as_json(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    printed = json.loads(facelift("cancel", running(client, worker), "--json").output)
    assert (printed["state"], printed["cancellation"]) == ("running", "requested")


def test_replay_prints_the_new_jobs_id_or_its_record(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    old = delivered(client, worker)
    done = facelift("replay", old)
    assert done.exit_code == 0
    assert client.status(done.output.strip()).replay_of == old
    assert json.loads(facelift("replay", old, "--json").output)["replay_of"] == old
    assert f"Replays   {old}" in facelift("status", done.output.strip()).output


def test_replay_of_a_job_that_goes_on_exits_with_2(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    done = facelift("replay", enqueue(client))
    assert done.exit_code == 2
    assert "it must have ended" in done.output
