"""The circuit breaker: what opens it, who may pass, what it costs the jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.ledger.pool import BreakerPolicy
from facelift.ledger.replies import Feedback, Lease, Permit, Quota, Waiting
from facelift.status.pool import BreakerState
from facelift.units import Rate
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

ANSWERED = Feedback(permit=Permit(), answered=True, fingerprint="key-1", quota=Quota())
BROKEN = replace(ANSWERED, answered=False)
POLICY = BreakerPolicy(failures=3, share=0.5, window=30, pause=5)


def break_down(ledger: Ledger, lease: Lease) -> bool:
    """The endpoint fails the request; returns whether that counted."""
    counts = ledger.store.pool.report_failure(lease.job_id, "It broke.")
    reason = WaitReason.RETRY if counts else WaitReason.ENDPOINT_DOWN
    attempt = ledger.attempt(OutcomeCode.SERVER_ERROR, 500, Decision.RETRY, counted=counts)
    ledger.store.retry_later(lease, ledger.now + 1, reason, "It broke.", attempt, feedback=BROKEN)
    return counts


def open_breaker(ledger: Ledger, bystanders: int = 0) -> list[str]:
    """Three failures open it; returns the jobs that wait since."""
    ledger.register(Rate(100, 10), breaker=POLICY)
    doomed = [ledger.acquire_with_permit(ledger.enqueue(f"doomed-{n}")) for n in range(3)]
    ledger.lose_messages()
    waiting = [ledger.enqueue(f"bystander-{n}") for n in range(bystanders)]
    for lease in doomed:
        break_down(ledger, lease)
    look_early(ledger)
    return waiting


def look_early(ledger: Ledger) -> None:
    """Acquire what is on the queue, and get no permit."""
    while ledger.messages():
        lease = ledger.lease(ledger.take_message())
        ledger.store.acquire(lease, LEASE, "w")
        assert not isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit)


def breaker(ledger: Ledger) -> BreakerState:
    return ledger.store.pool.snapshot().breaker


def test_failures_in_a_row_open_it_and_jobs_wait_without_attempts(ledger: Ledger) -> None:
    waiting = open_breaker(ledger, bystanders=4)
    assert breaker(ledger) is BreakerState.OPEN
    for job in waiting:
        record = ledger.get(job)
        assert (record.state, record.wait_reason) == (JobState.WAITING, WaitReason.ENDPOINT_DOWN)
        assert (record.attempts_used, record.attempts) == (0, ())
        assert "It broke." in record.message


def test_an_answer_between_failures_keeps_it_closed(ledger: Ledger) -> None:
    ledger.register(None, breaker=POLICY)
    for number in range(6):
        break_down(ledger, ledger.acquire_with_permit(ledger.enqueue(f"bot-{number}")))
        if number % 2:
            lease = ledger.acquire_with_permit(ledger.enqueue(f"good-{number}"))
            ledger.deliver(lease, feedback=ANSWERED)
    assert breaker(ledger) is BreakerState.CLOSED


def test_a_share_of_failures_opens_it_too(ledger: Ledger) -> None:
    ledger.register(None, breaker=POLICY)
    for number in range(10):
        ledger.deliver(
            ledger.acquire_with_permit(ledger.enqueue(f"good-{number}")), feedback=ANSWERED
        )
        assert breaker(ledger) is BreakerState.CLOSED
        break_down(ledger, ledger.acquire_with_permit(ledger.enqueue(f"bad-{number}")))
        ledger.now += 0.5
    assert breaker(ledger) is BreakerState.OPEN
    assert "of the last 20 requests" in ledger.store.pool.snapshot().breaker_reason


def test_old_failures_are_forgotten(ledger: Ledger) -> None:
    ledger.register(None, breaker=POLICY)
    for number in range(40):
        ledger.deliver(
            ledger.acquire_with_permit(ledger.enqueue(f"good-{number}")), feedback=ANSWERED
        )
        break_down(ledger, ledger.acquire_with_permit(ledger.enqueue(f"bad-{number}")))
        ledger.now += 6
    assert breaker(ledger) is BreakerState.CLOSED


def test_a_failure_after_it_opened_uses_up_no_attempt(ledger: Ledger) -> None:
    ledger.register(None, breaker=POLICY)
    leases = [ledger.acquire_with_permit(ledger.enqueue(f"bot-{n}")) for n in range(5)]
    assert [break_down(ledger, lease) for lease in leases] == [True, True, True, False, False]
    record = ledger.get(leases[4].job_id)
    assert (record.attempts_used, record.wait_reason) == (0, WaitReason.ENDPOINT_DOWN)


def test_one_probe_is_sent_and_the_others_wait(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=4)
    ledger.run_once(4.9)
    assert ledger.messages() == 0
    ledger.run_once(0.2)
    assert ledger.messages() == 1
    ledger.acquire_with_permit(ledger.take_message())
    assert breaker(ledger) is BreakerState.HALF_OPEN
    ledger.run_once(6)
    assert ledger.messages() == 0


def test_after_a_failed_probe_another_job_is_the_probe(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=3)
    probes = []
    for _ in range(3):
        ledger.run_once(5.1)
        probes.append(ledger.take_message())
        assert not break_down(ledger, ledger.acquire_with_permit(probes[-1]))
        assert breaker(ledger) is BreakerState.OPEN
        assert ledger.messages() == 0
    assert len(set(probes)) == 3


def test_a_probe_that_is_answered_closes_it(ledger: Ledger) -> None:
    waiting = open_breaker(ledger, bystanders=3)
    ledger.run_once(5.1)
    lease = ledger.acquire_with_permit(ledger.take_message())
    ledger.deliver(lease, feedback=ANSWERED)
    assert breaker(ledger) is BreakerState.CLOSED
    ledger.run_once(1)
    left = [job for job in waiting if job != lease.job_id]
    assert {ledger.state(job) for job in left} == {JobState.QUEUED}


def test_a_refusal_is_an_answer(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=1)
    ledger.run_once(5.1)
    ledger.fail(ledger.acquire_with_permit(ledger.take_message()), feedback=ANSWERED)
    assert breaker(ledger) is BreakerState.CLOSED


def test_a_probe_without_a_request_is_replaced_at_once(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=2)
    ledger.run_once(5.1)
    ledger.fail(ledger.acquire(ledger.take_message()), OutcomeCode.IMAGE_NOT_SQUARE)
    ledger.run_once(0.1)
    assert ledger.messages() == 1
    assert breaker(ledger) is BreakerState.OPEN


@pytest.mark.parametrize("has_permit", [False, True])
def test_a_probe_whose_worker_died_is_followed_by_another(
    ledger: Ledger, *, has_permit: bool
) -> None:
    open_breaker(ledger, bystanders=2)
    ledger.run_once(5.1)
    first = ledger.take_message()
    lease = ledger.acquire(first)
    if has_permit:
        ledger.store.acquire_permit(lease, LEASE, REQUEST)
    ledger.run_once(LEASE + 1)
    assert ledger.messages() == 1


def test_after_a_recovery_a_backlog_is_spaced(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=40)
    ledger.run_once(5.1)
    ledger.deliver(ledger.acquire_with_permit(ledger.take_message()), feedback=ANSWERED)
    sent = []
    for _ in range(10):
        ledger.run_once(0.1)
        sent.append(ledger.messages())
        while ledger.messages():
            lease = ledger.acquire_with_permit(ledger.take_message())
            ledger.deliver(lease, feedback=ANSWERED)
    assert max(sent) <= 6  # of 40: a permit each 0.1 s, and at most five to catch up
    assert sum(sent) <= 16


def test_a_late_answer_to_an_old_request_does_not_close_it(ledger: Ledger) -> None:
    ledger.register(None, breaker=POLICY)
    late = ledger.acquire_with_permit(ledger.enqueue("late"))
    for number in range(3):
        break_down(ledger, ledger.acquire_with_permit(ledger.enqueue(f"bot-{number}")))
    ledger.deliver(late, feedback=ANSWERED)
    assert breaker(ledger) is BreakerState.OPEN


def test_each_change_is_one_event_with_its_reason(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=1)
    events = list(ledger.run_once().events)
    ledger.run_once(5.1)
    ledger.deliver(ledger.acquire_with_permit(ledger.take_message()), feedback=ANSWERED)
    events += ledger.run_once().events
    assert ledger.run_once().events == ()
    assert [(each.kind, each.by, each.account) for each in events] == [
        ("breaker_opened", "facelift", None),
        ("breaker_closed", "facelift", None),
    ]
    assert "3 requests in a row failed; the last: It broke." in events[0].reason
    assert ledger.store.pool.snapshot().events == tuple(reversed(events))


def test_an_open_breaker_holds_jobs_without_a_rate_too(ledger: Ledger) -> None:
    open_breaker(ledger)
    ledger.register(None, "free", breaker=POLICY)
    job = ledger.enqueue("bot", account="free")
    lease = ledger.acquire(ledger.take_message())
    assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Waiting)
    assert ledger.get(job).wait_reason == WaitReason.ENDPOINT_DOWN


def test_failed_probes_keep_the_reason_that_opened_it(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=1)
    ledger.run_once(5.1)
    break_down(ledger, ledger.acquire_with_permit(ledger.take_message()))
    assert "3 requests in a row failed" in ledger.store.pool.snapshot().breaker_reason
