"""Pauses: by the endpoint (429), for a key it refuses, by an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import Feedback, Lease, Permit, Quota, Waiting
from facelift.units import Rate
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def feedback_of(permit: object = None, *, key: str = "key-1", **quota: float) -> Feedback:
    return Feedback(
        permit=permit if isinstance(permit, Permit) else Permit(),
        answered=True,
        fingerprint=key,
        quota=Quota(**quota),  # type: ignore[arg-type] # numbers, as the headers have them
    )


def acquire_permit_for(ledger: Ledger, job: str) -> tuple[Lease, Permit]:
    lease = ledger.acquire(job)
    permit = ledger.store.acquire_permit(lease, LEASE, REQUEST)
    assert isinstance(permit, Permit), permit
    return lease, permit


def throttle(ledger: Ledger, lease: Lease, pause: float, permit: Permit | None = None) -> None:
    """The endpoint answers 429."""
    attempt = ledger.attempt(OutcomeCode.RATE_LIMITED, 429, Decision.RETRY, counted=False)
    until = ledger.now + pause
    ledger.store.retry_later(
        lease, until, WaitReason.RATE_LIMITED, "Slow down.", attempt, feedback=feedback_of(permit)
    )


def turned_away(ledger: Ledger, job: str) -> WaitReason:
    """The wait reason of a job that asks for a permit."""
    assert ledger.take_message() == job
    permit = ledger.store.acquire_permit(ledger.acquire(job), LEASE, REQUEST)
    assert isinstance(permit, Waiting)
    return permit.reason


def test_429_pauses_the_account_and_no_other(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    ledger.register(None, "elsewhere", key="key-2")
    lease, _ = acquire_permit_for(ledger, ledger.enqueue("bot-1"))
    ledger.lose_messages()
    throttle(ledger, lease, 30)
    other = ledger.enqueue("bot-2")
    assert turned_away(ledger, other) == WaitReason.RATE_LIMITED
    elsewhere = ledger.enqueue("bot-3", account="elsewhere")
    ledger.deliver(acquire_permit_for(ledger, elsewhere)[0])
    ledger.lose_messages()
    ledger.run_once(29.9)
    assert ledger.messages() == 0
    ledger.run_once(0.2)
    assert ledger.take_message() == lease.job_id
    assert ledger.get(lease.job_id).attempts_used == 0


def test_a_shorter_pause_does_not_cut_a_longer_one(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    leases = [acquire_permit_for(ledger, ledger.enqueue(f"bot-{n}"))[0] for n in range(2)]
    ledger.lose_messages()
    throttle(ledger, leases[0], 30)
    throttle(ledger, leases[1], 5)
    ledger.run_once(10)
    assert ledger.messages() == 0


def test_pauses_in_a_row_count_but_simultaneous_ones_count_once(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    permitted = [acquire_permit_for(ledger, ledger.enqueue(f"bot-{n}")) for n in range(3)]
    ledger.lose_messages()
    for lease, permit in permitted:
        throttle(ledger, lease, 2, permit)
    ledger.run_once(2.1)
    lease, permit = acquire_permit_for(ledger, ledger.take_message())
    assert permit.throttles == 1
    throttle(ledger, lease, 2, permit)
    ledger.run_once(2.1)
    lease, permit = acquire_permit_for(ledger, ledger.take_message())
    assert permit.throttles == 2
    ledger.deliver(lease, feedback=feedback_of(permit))
    ledger.run_once(1)
    assert acquire_permit_for(ledger, ledger.take_message())[1].throttles == 0


def test_a_smaller_limit_is_believed(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    lease, permit = acquire_permit_for(ledger, ledger.enqueue("bot-1"))
    ledger.deliver(lease, feedback=feedback_of(permit, limit=5, remaining=4))
    assert ledger.store.pool.snapshot().accounts[0].limit == 5
    (event,) = ledger.run_once().events
    assert (event.kind, event.account) == ("limit_lowered", "default")
    lease, permit = acquire_permit_for(ledger, ledger.enqueue("bot-2"))
    ledger.deliver(lease, feedback=feedback_of(permit, limit=100, remaining=98))
    assert ledger.store.pool.snapshot().accounts[0].limit == 100


def test_permits_that_others_use_are_left_to_them(ledger: Ledger) -> None:
    ledger.register(Rate(10, 10))
    lease, permit = acquire_permit_for(ledger, ledger.enqueue("bot-1"))
    ledger.deliver(lease, feedback=feedback_of(permit, limit=10, remaining=1, reset_after=4))
    acquire_permit_for(ledger, ledger.enqueue("bot-2"))
    ledger.lose_messages()
    third = ledger.enqueue("bot-3")
    assert turned_away(ledger, third) == WaitReason.RATE_LIMITED
    ledger.run_once(3.9)
    assert ledger.messages() == 0
    ledger.run_once(0.2)
    assert ledger.take_message() == third


def test_own_requests_in_flight_are_not_taken_for_others(ledger: Ledger) -> None:
    ledger.register(Rate(10, 10))
    first, permit = acquire_permit_for(ledger, ledger.enqueue("bot-1"))
    for number in range(2, 6):
        acquire_permit_for(ledger, ledger.enqueue(f"bot-{number}"))
    ledger.deliver(first, feedback=feedback_of(permit, limit=10, remaining=5, reset_after=9))
    assert ledger.store.pool.snapshot().accounts[0].used == 5


def test_without_a_rate_of_ours_the_endpoint_says_when_it_has_none_left(ledger: Ledger) -> None:
    ledger.register(None)
    lease, permit = acquire_permit_for(ledger, ledger.enqueue("bot-1"))
    ledger.lose_messages()
    ledger.deliver(lease, feedback=feedback_of(permit, limit=60, remaining=0, reset_after=20))
    job = ledger.enqueue("bot-2")
    assert turned_away(ledger, job) == WaitReason.RATE_LIMITED
    ledger.run_once(20.1)
    assert ledger.take_message() == job


def forbid(ledger: Ledger, *chatbots: str) -> None:
    """The endpoint answers 403."""
    for chatbot in chatbots:
        lease = acquire_permit_for(ledger, ledger.enqueue(chatbot))[0]
        ledger.fail(lease, OutcomeCode.FORBIDDEN, feedback=feedback_of())


def test_403_of_three_distinct_chatbots_in_a_row_pauses_the_account(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    pool = ledger.store.pool
    forbid(ledger, "bot-1", "bot-2", "bot-1", "bot-2")
    assert pool.snapshot().accounts[0].pause is None
    forbid(ledger, "bot-3")
    pause = pool.snapshot().accounts[0].pause
    assert pause is not None
    assert (pause.code, pause.by, pause.until) == ("forbidden", "facelift", None)
    ledger.lose_messages()
    assert turned_away(ledger, ledger.enqueue("bot")) == WaitReason.ACCOUNT_PAUSED


def test_delivery_between_403s_keeps_the_account_going(ledger: Ledger) -> None:
    ledger.register(None)
    forbid(ledger, "bot-1", "bot-2")
    ledger.deliver(acquire_permit_for(ledger, ledger.enqueue("bot"))[0], feedback=feedback_of())
    forbid(ledger, "bot-3", "bot-4")
    assert ledger.store.pool.snapshot().accounts[0].pause is None


@pytest.mark.parametrize(
    ("account", "reason"),
    [("acme-eu", WaitReason.ACCOUNT_PAUSED), (None, WaitReason.ALL_PAUSED)],
)
def test_an_operator_pauses_and_resumes(
    ledger: Ledger, account: str | None, reason: WaitReason
) -> None:
    running = acquire_permit_for(ledger, ledger.enqueue("bot-1", account="acme-eu"))[0]
    ledger.lose_messages()
    pool = ledger.store.pool
    assert pool.pause(account, by="ana", reason="a new plan", until=None)
    job = ledger.enqueue("bot-2", account="acme-eu")
    assert turned_away(ledger, job) == reason
    assert ledger.get(job).message.endswith("is paused by ana: a new plan")
    assert ledger.deliver(running)
    ledger.run_once(1000)
    assert ledger.messages() == 0
    assert pool.resume(account, by="bob")
    assert not pool.resume(account, by="bob")
    ledger.run_once()
    assert ledger.take_message() == job
    assert [(each.by, each.reason) for each in reversed(pool.snapshot().events)] == [
        ("ana", "a new plan"),
        ("bob", ""),
    ]


def test_an_operators_pause_replaces_any_other(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    forbid(ledger, "bot-1", "bot-2", "bot-3")
    ledger.lose_messages()
    job = ledger.enqueue("bot")
    assert turned_away(ledger, job) == WaitReason.ACCOUNT_PAUSED
    assert not ledger.store.pool.pause("default", by="ana", reason="I check it", until=None)
    ledger.register(Rate(100, 10), key="key-2")
    ledger.run_once(1)
    assert ledger.messages() == 0
    assert ledger.get(job).message.endswith("by ana: I check it")


def test_a_mistyped_account_is_forgotten_when_it_is_resumed(ledger: Ledger) -> None:
    ledger.store.pool.pause("defualt", by="ana", reason="", until=None)
    ledger.store.pool.resume("defualt", by="ana")
    assert ledger.store.pool.snapshot().accounts == ()


def test_a_pause_with_an_end_ends_by_itself(ledger: Ledger) -> None:
    ledger.store.pool.pause("default", by="ana", reason="", until=ledger.now + 60)
    job = ledger.enqueue("bot")
    assert turned_away(ledger, job) == WaitReason.ACCOUNT_PAUSED
    ledger.run_once(59.9)
    assert ledger.messages() == 0
    ledger.run_once(0.2)
    assert ledger.take_message() == job
    assert ledger.store.pool.snapshot().accounts[0].pause is None


def test_a_paused_job_still_expires_and_can_be_cancelled(ledger: Ledger) -> None:
    ledger.store.pool.pause(None, by="ana", reason="", until=None)
    expiring = ledger.enqueue("bot-1", expires_at=ledger.now + 5)
    cancelled = ledger.enqueue("bot-2")
    for job in (expiring, cancelled):
        assert turned_away(ledger, job) == WaitReason.ALL_PAUSED
    ledger.store.cancel(cancelled)
    ledger.run_once(6)
    assert ledger.state(expiring) is JobState.EXPIRED
    assert ledger.state(cancelled) is JobState.CANCELLED
    assert ledger.leftovers() == set()
