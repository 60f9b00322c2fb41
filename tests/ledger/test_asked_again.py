"""A call whose reply was lost is made again, and answers what it answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import Ended, Leased, Permit, Waiting
from facelift.status.worker import WorkerReport
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def test_permit_without_a_rate_is_kept_although_the_slots_are_full(ledger: Ledger) -> None:
    ledger.register(None)
    report = WorkerReport(name="worker-1", host="h", pid=1, version="1", slots=10)
    ledger.store.pool.heartbeat(report)
    jobs = [ledger.enqueue(f"bot-{number}") for number in range(9)]
    leases = [ledger.acquire(job) for job in jobs]
    for _ in range(2):
        replies = [ledger.store.acquire_permit(lease, LEASE, REQUEST) for lease in leases]
        assert all(isinstance(reply, Permit) for reply in replies)


def test_refused_permit_is_refused_again_and_no_lost_lease(ledger: Ledger) -> None:
    older = ledger.enqueue()
    lease = ledger.acquire(older)
    ledger.enqueue()
    for _ in range(2):
        reply = ledger.store.acquire_permit(lease, LEASE, REQUEST)
        assert isinstance(reply, Waiting)
        assert reply.reason is WaitReason.NEWER_UPLOAD
    ledger.lose_messages()
    ledger.run_once(86_400)
    assert ledger.store.acquire_permit(lease, LEASE, REQUEST) == Ended(JobState.EXPIRED)


def test_cancelled_job_is_cancelled_when_its_permit_is_asked_for_again(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire(job)
    ledger.store.cancel(job)
    for _ in range(2):
        assert ledger.store.acquire_permit(lease, LEASE, REQUEST) == Ended(JobState.CANCELLED)


def test_result_after_the_lease_was_released_is_not_recorded(ledger: Ledger) -> None:
    job = ledger.enqueue()
    lease = ledger.acquire_with_permit(job)
    assert ledger.store.release(lease)
    assert not ledger.deliver(lease)
    assert not ledger.retry_later(lease)
    assert ledger.store.acquire_permit(lease, LEASE, REQUEST) == Leased()
    assert ledger.store.release(lease)
    assert (ledger.state(job), ledger.get(job).attempts) == ("queued", ())


def test_failure_that_is_reported_twice_counts_once(ledger: Ledger) -> None:
    ledger.register(None)
    lease = ledger.acquire_with_permit(ledger.enqueue())
    for _ in range(2):
        assert ledger.store.pool.report_failure(lease, OutcomeCode.SERVER_ERROR, "No.")
    assert ledger.redis.llen(ledger.store.keys.failures("default")) == 1
    assert ledger.redis.zscore(ledger.store.keys.suspects("default"), "bot") == 1


def test_job_within_a_millisecond_of_its_deadline_has_expired(ledger: Ledger) -> None:
    running = ledger.enqueue()
    ledger.acquire_with_permit(running)
    waiting = ledger.enqueue(expires_at=ledger.now + 10)
    run = ledger.run_once(9.9996)
    assert (run.expired, run.sent) == (1, 0)
    assert ledger.state(waiting) == "expired"
