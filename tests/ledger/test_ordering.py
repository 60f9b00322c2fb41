"""Among the images of one chatbot the latest wins, and two are never in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.codes import WaitReason
from facelift.ledger.replies import Lease, Waiting
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def waits(ledger: Ledger, job: str) -> WaitReason | None:
    reply = ledger.store.acquire(Lease(job, "probe"), LEASE, "w")
    assert isinstance(reply, Waiting)
    return reply.reason


def test_older_job_waits_for_the_newer_and_is_superseded_by_it(ledger: Ledger) -> None:
    older, newer = ledger.enqueue(), ledger.enqueue()
    assert waits(ledger, older) == WaitReason.NEWER_UPLOAD
    ledger.deliver(ledger.acquire_with_permit(newer))
    record = ledger.get(older)
    assert (record.state, record.superseded_by) == ("superseded", newer)


def test_fifty_quick_changes_cost_one_upload(ledger: Ledger) -> None:
    jobs = [ledger.enqueue() for _ in range(50)]
    for job in jobs[:-1]:
        assert waits(ledger, job) == WaitReason.NEWER_UPLOAD
    ledger.deliver(ledger.acquire_with_permit(jobs[-1]))
    assert {ledger.state(job) for job in jobs[:-1]} == {"superseded"}
    assert ledger.leftovers() == set()


def test_failed_newest_does_not_lose_the_good_one_before_it(ledger: Ledger) -> None:
    oldest, older, newest = ledger.enqueue(), ledger.enqueue(), ledger.enqueue()
    for job in (oldest, older):
        waits(ledger, job)
    ledger.fail(ledger.acquire_with_permit(newest))
    ledger.deliver(ledger.acquire_with_permit(older))
    assert ledger.state(oldest) == "superseded"


def test_cancelled_and_expired_newest_let_the_older_go_on(ledger: Ledger) -> None:
    older = ledger.enqueue()
    expiring = ledger.enqueue(expires_at=ledger.now + 5)
    cancelled = ledger.enqueue()
    waits(ledger, older)
    waits(ledger, expiring)
    ledger.store.cancel(cancelled)
    assert ledger.state(expiring) == "queued"
    ledger.run_once(6)
    ledger.run_once(10)
    assert ledger.state(expiring) == "expired"
    ledger.acquire_with_permit(older)


def test_newer_job_waits_while_the_older_is_in_flight(ledger: Ledger) -> None:
    older = ledger.enqueue()
    lease = ledger.acquire_with_permit(older)
    newer = ledger.enqueue()
    assert ledger.get(newer).wait_reason == "chatbot_busy"
    assert waits(ledger, newer) == WaitReason.CHATBOT_BUSY
    ledger.deliver(lease)
    assert ledger.state(newer) == "queued"
    ledger.acquire_with_permit(newer)


def test_older_job_gets_no_permit_once_a_newer_is_pending(ledger: Ledger) -> None:
    older = ledger.enqueue()
    lease = ledger.acquire(older)
    newer = ledger.enqueue()
    reply = ledger.store.acquire_permit(lease, LEASE, REQUEST)
    assert isinstance(reply, Waiting)
    assert reply.reason is WaitReason.NEWER_UPLOAD
    ledger.deliver(ledger.acquire_with_permit(newer))
    assert ledger.state(older) == "superseded"


def test_older_job_whose_attempt_failed_lets_the_newer_pass(ledger: Ledger) -> None:
    older = ledger.enqueue()
    lease = ledger.acquire_with_permit(older)
    newer = ledger.enqueue()
    ledger.retry_later(lease, delay=5)
    assert ledger.state(newer) == "queued"
    new_lease = ledger.acquire_with_permit(newer)
    ledger.run_once(6)
    assert ledger.get(older).wait_reason == "newer_upload"
    ledger.fail(new_lease)
    ledger.acquire_with_permit(older)


def test_older_job_keeps_waiting_while_the_newer_backs_off(ledger: Ledger) -> None:
    older, newer = ledger.enqueue(), ledger.enqueue()
    waits(ledger, older)
    ledger.retry_later(ledger.acquire_with_permit(newer), delay=5)
    assert ledger.get(older).wait_reason == "newer_upload"
    assert ledger.get(newer).wait_reason == "retry"


def test_newer_job_goes_on_after_the_older_ones_worker_was_lost(ledger: Ledger) -> None:
    older = ledger.enqueue()
    ledger.acquire_with_permit(older)
    newer = ledger.enqueue()
    ledger.run_once(LEASE + 1)
    ledger.run_once()
    assert ledger.get(older).wait_reason == "newer_upload"
    ledger.deliver(ledger.acquire_with_permit(newer))
    assert ledger.state(older) == "superseded"


def test_chatbots_do_not_wait_for_each_other(ledger: Ledger) -> None:
    ledger.acquire_with_permit(ledger.enqueue("bot-1"))
    ledger.acquire_with_permit(ledger.enqueue("bot-2"))


def test_scheduled_job_counts_from_the_time_it_is_due(ledger: Ledger) -> None:
    scheduled = ledger.enqueue(not_before=ledger.now + 60)
    before = ledger.enqueue()
    waiting_lease = ledger.acquire_with_permit(before)
    ledger.store.renew([waiting_lease], 120)
    ledger.run_once(61)
    assert ledger.get(scheduled).wait_reason == "chatbot_busy"
    ledger.deliver(waiting_lease)
    ledger.deliver(ledger.acquire_with_permit(scheduled))
    assert ledger.state(before) == "succeeded"


def test_lock_of_a_job_that_does_not_run_is_ignored(ledger: Ledger) -> None:
    ledger.redis.set(ledger.store.keys.chatbot_lock("default:bot"), "ghost")
    ledger.acquire_with_permit(ledger.enqueue())
