"""Rates over hours and days: no permit is forgotten early, however long its request flew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.ledger.replies import Permit
from facelift.units import Rate
from tests.conftest import real_by_day
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

HOUR = 3_600.0


def pass_time(ledger: Ledger, seconds: float) -> None:
    """Move the clock, and have Redis' keys age as much."""
    for key in ledger.redis.keys("*"):
        left = ledger.redis.ttl(key)
        if 0 <= left <= seconds:
            ledger.redis.delete(key)
        elif left > 0:
            ledger.redis.expire(key, int(left - seconds) + 1)
    ledger.run_once(seconds)


def deliver_what_may_go(ledger: Ledger) -> int:
    """Deliver all that lies on the queue; returns how many requests that took."""
    sent = 0
    while ledger.messages():
        lease = ledger.lease(ledger.take_message())
        ledger.store.acquire(lease, LEASE, "worker-1")
        if isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit):
            sent += ledger.deliver(lease)
    return sent


@real_by_day
@pytest.mark.parametrize("hours", [2, 24])
def test_no_window_of_hours_holds_more_than_its_rate_and_all_of_it_is_used(
    ledger: Ledger, hours: int
) -> None:
    window, limit, steps = hours * HOUR, 10, 16
    ledger.register(Rate(limit, window))
    sent: list[float] = []
    for step in range(3 * steps):
        # First what may go, then nothing for more than an hour, then more than may go.
        for number in range(limit if step == 0 else 2 * (step > 10)):
            ledger.enqueue(f"bot-{step}-{number}", expires_at=ledger.now + 5 * window)
        sent += [ledger.now] * deliver_what_may_go(ledger)
        pass_time(ledger, window / steps)
    for first, at in enumerate(sent):
        assert sum(each < at + window for each in sent[first:]) <= limit
    assert len(sent) >= 2.5 * limit


def test_permit_held_for_an_hour_still_counts(ledger: Ledger) -> None:
    ledger.register(Rate(2, 2 * HOUR))
    first, second = (ledger.acquire_with_permit(ledger.enqueue(f"bot-{n}")) for n in range(2))
    ledger.deliver(first)
    for _ in range(59):
        assert ledger.store.renew([second], 90) == []
        pass_time(ledger, 60)
    ledger.deliver(second)
    pass_time(ledger, 0.9 * HOUR)
    ledger.lose_messages()
    ledger.enqueue("bot-3")
    assert deliver_what_may_go(ledger) == 0
    pass_time(ledger, 0.2 * HOUR)
    assert deliver_what_may_go(ledger) == 1
