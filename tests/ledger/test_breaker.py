"""An account's circuit breaker, step by step: who probes, and what closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import Decision, OutcomeCode, WaitReason
from facelift.ledger.pool import BreakerPolicy
from facelift.ledger.replies import Feedback, Lease, Permit, Quota, Waiting
from facelift.status.pool import BreakerState
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

ANSWERED = Feedback(permit=Permit(), answered=True, fingerprint="key-1", quota=Quota())
BROKEN = ANSWERED._replace(answered=False)
POLICY = BreakerPolicy(after=1, failures=3, chatbots=3, pause=1)


def break_down(ledger: Ledger, lease: Lease) -> bool:
    """The request fails; returns whether that counted."""
    code = OutcomeCode.SERVER_ERROR
    counts = ledger.store.pool.report_failure(lease, code, "It broke.")
    attempt = ledger.attempt(code, 500, Decision.RETRY, counted=counts)
    until = ledger.now + 1_000
    ledger.store.retry_later(lease, until, WaitReason.RETRY, "No.", attempt, feedback=BROKEN)
    return counts


def open_breaker(ledger: Ledger, bystanders: int) -> None:
    """Three failures open it; others wait, their images checked."""
    ledger.register(None, breaker=POLICY)
    doomed = [ledger.acquire_with_permit(ledger.enqueue(f"doomed-{n}")) for n in range(3)]
    ledger.lose_messages()
    break_down(ledger, doomed[0])
    ledger.now += 1.1
    for number in range(3):  # what may probe at once, used up
        break_down(ledger, doomed[min(number + 1, 2)])
    assert breaker(ledger) is BreakerState.OPEN
    for number in range(bystanders + 3):
        ledger.enqueue(f"bystander-{number}")
    while ledger.messages():
        lease = ledger.lease(ledger.take_message())
        ledger.store.acquire(lease, LEASE, "w")
        if isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit):
            break_down(ledger, lease)


def breaker(ledger: Ledger) -> BreakerState:
    return ledger.store.pool.snapshot().accounts[0].breaker


def next_probe(ledger: Ledger) -> str:
    ledger.run_once(1.1)
    assert ledger.messages() == 1
    return ledger.take_message()


def test_one_probe_is_sent_and_the_others_wait(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=3)
    ledger.acquire_with_permit(next_probe(ledger))
    assert breaker(ledger) is BreakerState.HALF_OPEN
    assert ledger.store.pool.snapshot().waiting[WaitReason.ACCOUNT_FAILING] == 2


def test_a_refusal_is_an_answer_and_closes_it(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=2)
    ledger.fail(ledger.acquire_with_permit(next_probe(ledger)), feedback=ANSWERED)
    assert breaker(ledger) is BreakerState.CLOSED


def test_a_probe_without_a_request_is_replaced_at_once(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=2)
    ledger.fail(ledger.acquire(next_probe(ledger)), OutcomeCode.IMAGE_NOT_SQUARE)
    ledger.run_once(0.01)
    assert ledger.messages() == 1
    assert breaker(ledger) is not BreakerState.CLOSED


@pytest.mark.parametrize("has_permit", [False, True])
def test_a_probe_whose_worker_died_is_followed_by_another(
    ledger: Ledger, *, has_permit: bool
) -> None:
    open_breaker(ledger, bystanders=2)
    lease = ledger.acquire(next_probe(ledger))
    if has_permit:
        ledger.store.acquire_permit(lease, LEASE, REQUEST)
    ledger.run_once(LEASE + 1)
    assert ledger.messages() >= 1


def test_failed_probe_keeps_the_reason_and_uses_up_no_attempt(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=1)
    probe = next_probe(ledger)
    assert not break_down(ledger, ledger.acquire_with_permit(probe))
    assert ledger.get(probe).attempts_used == 0
    account = ledger.store.pool.snapshot().accounts[0]
    assert account.breaker is BreakerState.OPEN
    assert "3 failures of 3 chatbots" in account.breaker_reason


def test_each_change_is_one_event_with_its_account(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=1)
    ledger.deliver(ledger.acquire_with_permit(next_probe(ledger)), feedback=ANSWERED)
    events = ledger.store.pool.snapshot().events
    assert [(each.kind, each.account) for each in events] == [
        ("breaker_closed", "default"),
        ("breaker_opened", "default"),
    ]


def test_an_open_breaker_withdraws_no_permit_but_gives_none(ledger: Ledger) -> None:
    open_breaker(ledger, bystanders=0)
    job = ledger.enqueue("late")
    if ledger.messages():
        lease = ledger.acquire(ledger.take_message())
        assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Waiting)
    assert ledger.get(job).wait_reason == WaitReason.ACCOUNT_FAILING
