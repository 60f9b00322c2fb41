from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, cast

import pytest

from facelift.errors import LedgerUnavailable
from worker.runtime.lease import LeaseKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.ledger.replies import Lease
    from facelift.ledger.store import JobStore

LEASE = 15.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Leases:
    """A ledger that knows leases only; `during` happens while it is asked."""

    def __init__(self) -> None:
        self.lost: list[Lease] = []
        self.asked: list[list[Lease]] = []
        self.during: Callable[[], None] = lambda: None
        self.was_asked = threading.Event()

    def renew(self, leases: list[Lease], seconds: float) -> list[Lease]:
        assert seconds == LEASE
        self.asked.append(leases)
        self.was_asked.set()
        self.during()
        return [lease for lease in leases if lease in self.lost]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger() -> Leases:
    return Leases()


@pytest.fixture
def keeper(ledger: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeaseKeeper]:
    """Its heart beats when a test says so."""
    keeper = LeaseKeeper(cast("JobStore", ledger), LEASE, clock)
    monkeypatch.setattr(keeper._loop, "start", lambda: None)
    yield keeper
    keeper.stop()


def test_a_lease_is_ours_until_its_time_is_over(keeper: LeaseKeeper, clock: Clock) -> None:
    with keeper.hold("job") as held:
        clock.now += LEASE - 0.001
        assert keeper.is_ours(held)
        clock.now += 0.001
        assert not keeper.is_ours(held)


def test_every_holding_has_a_token_of_its_own(keeper: LeaseKeeper) -> None:
    with keeper.hold("job") as one, keeper.hold("job") as other:
        assert one.lease.job_id == other.lease.job_id
        assert one.lease.token != other.lease.token


def test_it_knows_how_long_no_job_has_begun_or_ended(keeper: LeaseKeeper, clock: Clock) -> None:
    with keeper.hold("a"):
        clock.now += 40
        assert keeper.unchanged == 40
        with keeper.hold("b"):
            assert keeper.unchanged == 0
            clock.now += 7
        assert keeper.unchanged == 0
        clock.now += 3
        assert keeper.unchanged == 3


def test_heartbeats_keep_a_lease(keeper: LeaseKeeper, clock: Clock) -> None:
    with keeper.hold("job") as held:
        for _ in range(20):
            clock.now += 5
            assert keeper.run_once() == 5
        assert keeper.is_ours(held)


def test_all_leases_are_extended_in_one_call(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    with keeper.hold("a") as a, keeper.hold("b") as b:
        clock.now += 5
        keeper.run_once()
    assert ledger.asked == [[a.lease, b.lease]]


def test_a_lease_that_was_let_go_is_not_extended(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    with contextlib.suppress(ZeroDivisionError), keeper.hold("job"):
        raise ZeroDivisionError
    clock.now += 5
    keeper.run_once()
    assert ledger.asked == [[]]


def test_an_extension_counts_from_when_it_was_asked_for(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    def take_long() -> None:
        clock.now += 4

    ledger.during = take_long
    with keeper.hold("job") as held:
        clock.now += 5
        asked_at = clock.now
        keeper.run_once()
        assert held.until == asked_at + LEASE


def test_a_lease_that_the_ledger_says_is_lost_is_not_ours(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    with keeper.hold("job") as held, keeper.hold("other") as other:
        clock.now += 5
        ledger.lost = [held.lease]
        keeper.run_once()
        assert not keeper.is_ours(held)
        assert keeper.is_ours(other)


def test_a_doubled_message_does_not_cost_the_running_job_its_lease(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    with keeper.hold("job") as running, keeper.hold("job") as doubled:
        clock.now += 5
        ledger.lost = [doubled.lease]
        keeper.run_once()
        assert keeper.is_ours(running)
        assert not keeper.is_ours(doubled)


def test_a_heartbeat_before_the_claim_does_not_take_the_lease_for_lost(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    with keeper.hold("job") as held:
        ledger.lost = [held.lease]  # as the ledger answers for an unknown lease
        keeper.run_once()
        assert keeper.is_ours(held)
        ledger.lost = []
        clock.now += 5
        keeper.run_once()
        assert held.until == clock.now + LEASE


def test_a_lease_whose_time_is_over_is_not_revived(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    with keeper.hold("job") as held:
        clock.now += LEASE
        keeper.run_once()
        assert ledger.asked == [[]]
        assert not keeper.is_ours(held)


def test_a_renewal_that_comes_late_takes_nothing_back(keeper: LeaseKeeper, clock: Clock) -> None:
    with keeper.hold("job") as held:
        keeper.renewed(held, clock.now + 3)
        keeper.renewed(held, clock.now + 1)
        assert held.until == clock.now + 3 + LEASE


def test_a_ledger_that_is_away_changes_nothing(
    keeper: LeaseKeeper, ledger: Leases, clock: Clock
) -> None:
    def be_away() -> None:
        raise LedgerUnavailable("Redis cannot be reached")

    ledger.during = be_away
    with keeper.hold("job") as held:
        until = held.until
        clock.now += 5
        with pytest.raises(LedgerUnavailable):
            keeper.run_once()
        assert held.until == until


def test_holding_a_lease_starts_the_heartbeat(ledger: Leases, clock: Clock) -> None:
    keeper = LeaseKeeper(cast("JobStore", ledger), LEASE, clock)
    try:
        with keeper.hold("job"):
            assert ledger.was_asked.wait(5)
    finally:
        keeper.stop()
