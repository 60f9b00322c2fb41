"""Each transition of the ledger, on both Redis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.errors import JobNotFound
from facelift.ledger.replies import Ended, Lease, Leased, Unknown, Waiting
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def test_enqueued_job_is_recorded_and_its_message_sent(ledger: Ledger) -> None:
    job = ledger.enqueue(chatbot="bot-1", image="media:a.png")
    record = ledger.get(job)
    assert (record.state, record.chatbot_id, record.image) == ("queued", "bot-1", "media:a.png")
    assert record.created_at == ledger.now
    assert record.expires_at == ledger.now + 86_400
    assert ledger.messages() == 1


def test_enqueueing_the_same_id_again_gives_the_same_job(ledger: Ledger) -> None:
    ledger.enqueue(job_id="mine")
    ledger.enqueue(job_id="mine")
    assert ledger.messages() == 1


def test_same_idempotency_key_gives_the_same_job(ledger: Ledger) -> None:
    first = ledger.enqueue(idempotency_key="k")
    assert ledger.enqueue(idempotency_key="k") == first
    assert ledger.enqueue(idempotency_key="other") != first


def test_acquire_takes_the_lease_and_a_second_one_is_refused(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.acquire(job)
    record = ledger.get(job)
    assert (record.state, record.started_at) == ("running", ledger.now)
    assert record.worker
    assert ledger.store.acquire(Lease(job, "other"), LEASE, "worker-2") == Leased()


def test_acquire_repeated_after_a_lost_reply_is_the_same_lease(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire(job)
    again = ledger.store.acquire(lease, LEASE, "worker-1")
    assert not isinstance(again, Leased | Ended | Waiting | Unknown)


def test_acquire_of_an_unknown_job_changes_nothing(ledger: Ledger) -> None:
    assert ledger.store.acquire(Lease("nobody", "t"), LEASE, "w") == Unknown()
    with pytest.raises(JobNotFound):
        ledger.get("nobody")


def test_delivered_job_is_terminal_and_leaves_nothing_behind(ledger: Ledger) -> None:
    job = ledger.enqueue()
    assert ledger.deliver(ledger.acquire_with_permit(job))
    record = ledger.get(job)
    assert (record.state, record.outcome, record.http_status) == ("succeeded", "delivered", 200)
    assert record.attempts_used == 1
    assert ledger.leftovers() == set()
    assert ledger.store.acquire(Lease(job, "t"), LEASE, "w") == Ended(JobState.SUCCEEDED)


def test_ended_records_expire_and_failed_ones_last_longest(ledger: Ledger) -> None:
    good, bad = ledger.enqueue("bot-1"), ledger.enqueue("bot-2")
    ledger.deliver(ledger.acquire_with_permit(good))
    ledger.fail(ledger.acquire_with_permit(bad))
    keys = ledger.store.keys
    assert 0 < ledger.redis.ttl(keys.job(good)) < ledger.redis.ttl(keys.job(bad))


def test_job_to_retry_waits_in_redis_until_its_time(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.retry_later(ledger.acquire_with_permit(job), delay=5)
    ledger.lose_messages()
    record = ledger.get(job)
    assert (record.state, record.wait_reason) == ("waiting", "retry")
    assert record.wait_until == ledger.now + 5
    assert ledger.run_once(4.9).sent == 0
    assert ledger.run_once(0.2).sent == 1
    assert ledger.state(job) == "queued"
    assert ledger.messages() == 1


def test_a_message_that_comes_while_the_job_waits_changes_nothing(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.retry_later(ledger.acquire_with_permit(job))
    reply = ledger.store.acquire(Lease(job, "t"), LEASE, "w")
    assert isinstance(reply, Waiting)
    assert reply.reason is WaitReason.RETRY


def test_attempts_are_kept_with_all_that_was_decided(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.retry_later(ledger.acquire_with_permit(job), delay=5)
    ledger.run_once(6)
    ledger.deliver(ledger.acquire_with_permit(job))
    first, second = ledger.get(job).attempts
    assert (first.number, first.code, first.http_status) == (1, "server_error", 500)
    assert (first.decision, first.next_at) == ("retry", first.started_at + 5)
    assert (second.number, second.decision, second.next_at) == (2, "succeed", None)
    assert ledger.get(job).attempts_used == 2


def test_only_the_newest_32_attempts_are_kept(ledger: Ledger) -> None:
    job = ledger.enqueue()
    for _ in range(40):
        ledger.retry_later(ledger.acquire_with_permit(job), delay=1)
        ledger.run_once(1.5)
    assert [attempt.number for attempt in ledger.get(job).attempts] == list(range(9, 41))


def test_outcome_repeated_after_a_lost_reply_counts_once(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire_with_permit(job)
    assert ledger.deliver(lease)
    assert ledger.deliver(lease)
    assert len(ledger.get(job).attempts) == 1


def test_worker_that_lost_its_lease_writes_nothing(ledger: Ledger) -> None:
    job = ledger.enqueue()
    zombie = ledger.acquire_with_permit(job)
    assert ledger.run_once(LEASE + 1).recovered == 1
    assert ledger.state(job) == "waiting"
    ledger.run_once()
    owner = ledger.acquire(job)
    assert ledger.store.acquire_permit(zombie, LEASE, REQUEST) == Leased()
    assert not ledger.fail(zombie)
    assert not ledger.retry_later(zombie)
    assert not ledger.store.release(zombie)
    assert ledger.store.renew([zombie, owner], LEASE) == [zombie]
    assert ledger.state(job) == "running"
    assert ledger.deliver(owner)


def test_recovered_but_not_acquired_job_is_not_the_lost_workers_either(ledger: Ledger) -> None:
    job = ledger.enqueue()
    zombie = ledger.acquire_with_permit(job)
    ledger.run_once(LEASE + 1)
    ledger.run_once()
    assert not ledger.deliver(zombie)
    assert ledger.state(job) == "queued"


def test_outcome_after_the_lease_ran_out_counts_if_nobody_took_over(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire_with_permit(job)
    ledger.now += LEASE + 1
    assert ledger.deliver(lease)


def test_heartbeat_keeps_a_long_job_from_being_recovered(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire(job)
    for _ in range(4):
        ledger.now += LEASE - 1
        assert ledger.store.renew([lease], LEASE) == []
        assert ledger.run_once().recovered == 0
    assert ledger.state(job) == "running"


def test_lost_lease_is_recorded_as_an_attempt(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.acquire(job)
    ledger.run_once(LEASE + 1)
    record = ledger.get(job)
    assert (record.state, record.lost_leases, record.attempts_used) == ("waiting", 1, 0)
    (attempt,) = record.attempts
    assert (attempt.code, attempt.decision) == (OutcomeCode.WORKER_LOST, Decision.RESCUE)
    assert "worker-of-" in attempt.reason


def test_lost_message_is_sent_again(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.lose_messages()
    assert ledger.run_once(5).resent == 0
    assert ledger.run_once(6).resent == 1
    assert ledger.messages() == 1
    ledger.acquire(job)


def test_long_backlog_is_not_doubled(ledger: Ledger) -> None:
    for number in range(50):
        ledger.enqueue(f"bot-{number}")
        ledger.now += 0.1
    for _ in range(60):
        assert ledger.run_once(1).resent == 0
    assert ledger.messages() == 16  # an account's share of the queue; the others wait their turn


def test_lost_message_is_found_behind_a_backlog(ledger: Ledger) -> None:
    lost = ledger.enqueue("bot-0")
    ledger.lose_messages()
    ledger.now += 1
    for number in range(1, 5):
        ledger.enqueue(f"bot-{number}")
    assert ledger.run_once(10).resent == 1
    newest = json.loads(ledger.redis.lindex("facelift", 0))
    assert newest["headers"]["id"] == lost


def test_released_job_goes_to_another_worker_at_once(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire(job)
    ledger.lose_messages()
    assert ledger.store.release(lease)
    assert (ledger.state(job), ledger.messages()) == ("queued", 1)
    assert ledger.get(job).attempts_used == 0


def test_scheduled_job_starts_at_its_time(ledger: Ledger) -> None:
    job = ledger.enqueue(not_before=ledger.now + 60)
    record = ledger.get(job)
    assert (record.state, record.wait_reason) == ("waiting", "scheduled")
    assert record.expires_at == ledger.now + 60 + 86_400
    assert ledger.messages() == 0
    assert ledger.run_once(59).sent == 0
    assert ledger.run_once(2).sent == 1
    ledger.acquire(job)


def test_scheduled_job_does_not_hold_up_todays(ledger: Ledger) -> None:
    today = ledger.enqueue()
    ledger.enqueue(not_before=ledger.now + 60)
    ledger.acquire_with_permit(today)


def test_job_past_its_deadline_expires_wherever_it_waits(ledger: Ledger) -> None:
    deadline = ledger.now + 30
    queued = ledger.enqueue("bot-1", expires_at=deadline)
    waiting = ledger.enqueue("bot-2", expires_at=deadline)
    ledger.retry_later(ledger.acquire_with_permit(waiting), delay=300)
    acquired_late = ledger.enqueue("bot-3", expires_at=deadline)
    ledger.now += 31
    assert ledger.store.acquire(Lease(acquired_late, "t"), LEASE, "w") == Ended(JobState.EXPIRED)
    assert ledger.run_once().expired == 2
    assert {ledger.state(job) for job in (queued, waiting, acquired_late)} == {"expired"}
    assert ledger.leftovers() == set()


def test_job_past_its_deadline_gets_no_permit(ledger: Ledger) -> None:
    job = ledger.enqueue(expires_at=ledger.now + 10)
    lease = ledger.acquire(job)
    ledger.now += 11
    assert ledger.store.acquire_permit(lease, LEASE, REQUEST) == Ended(JobState.EXPIRED)


def test_cancel_ends_a_queued_and_a_waiting_job_at_once(ledger: Ledger) -> None:
    queued, waiting = ledger.enqueue("bot-1"), ledger.enqueue("bot-2")
    ledger.retry_later(ledger.acquire_with_permit(waiting))
    assert [ledger.store.cancel(job) for job in (queued, waiting)] == ["cancelled"] * 2
    assert ledger.leftovers() == set()
    assert ledger.store.cancel(queued) == "cancelled"  # as before


def test_cancel_of_a_running_job_stops_it_at_its_next_check(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire(job)
    assert ledger.store.cancel(job) == "requested"
    assert ledger.store.acquire_permit(lease, LEASE, REQUEST) == Ended(JobState.CANCELLED)
    assert ledger.state(job) == "cancelled"


def test_cancel_during_the_request_stops_the_next_attempt(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire_with_permit(job)
    ledger.store.cancel(job)
    assert ledger.retry_later(lease)
    assert ledger.state(job) == "cancelled"


def test_cancel_of_an_unknown_job_says_so(ledger: Ledger) -> None:
    with pytest.raises(JobNotFound):
        ledger.store.cancel("nobody")


def test_refused_job_is_recorded_as_failed(ledger: Ledger) -> None:
    assert ledger.store.refuse("bad", OutcomeCode.INVALID_JOB, "image: is missing", {})
    record = ledger.get("bad")
    assert (record.state, record.outcome) == ("failed", "invalid_job")
    assert not ledger.store.refuse("bad", OutcomeCode.INVALID_JOB, "again", {})
