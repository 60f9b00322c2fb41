"""A permit that is old when its request begins is acquired anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis

from facelift.codes import JobState, WaitReason
from facelift.ledger.replies import Acquired, Ended, Waiting
from facelift.units import Rate
from tests.ledger.driver import LEASE, REQUEST, Ledger
from worker.delivery.permit import NotPermitted, Permits
from worker.delivery.run import Run
from worker.errors import LeaseLost
from worker.runtime.lease import LeaseKeeper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.delivery.permit import RequestPermit


class Scene:
    """One job with a permit, of an account that may make one request in 10 s."""

    def __init__(self, redis: FakeRedis, *, rate: bool = True) -> None:
        self.ledger = Ledger(redis)
        self.ledger.register(Rate(1, 10) if rate else None)
        self.job = self.ledger.enqueue()
        leases = LeaseKeeper(self.ledger.store, LEASE, self._monotonic)
        with leases.hold(self.job) as held:
            reply = self.ledger.store.acquire(held.lease, LEASE, "w")
        leases.stop()
        assert isinstance(reply, Acquired)
        self.run = Run(reply.record, held, self._monotonic)
        permits = Permits(
            store=self.ledger.store,
            leases=leases,
            longest_request=REQUEST,
            monotonic=self._monotonic,
        )
        self.permit: RequestPermit = permits.acquire(self.run, 1, ())
        self.acquired_at = self.ledger.now

    def _monotonic(self) -> float:
        return self.ledger.now - 1_000_000.0

    def use_after(self, seconds: float) -> None:
        self.ledger.now += seconds
        self.permit.use()

    @property
    def leaves_after(self) -> float:
        """Seconds from the first permit until its place in the rate window is free."""
        keys = self.ledger.store.keys
        ((_, at),) = self.ledger.redis.zrange(keys.rate_window("default"), 0, -1, withscores=True)
        return round(float(at) - self.acquired_at, 2)


@pytest.fixture
def redis() -> Iterator[FakeRedis]:
    with FakeRedis(decode_responses=True) as client:
        yield client


@pytest.mark.parametrize(("seconds", "leaves"), [(0.4, 11.0), (0.6, 11.6), (6.0, 17.0)])
def test_place_in_the_rate_window_counts_from_a_permit_of_half_a_second(
    redis: FakeRedis, seconds: float, leaves: float
) -> None:
    scene = Scene(redis)
    scene.use_after(seconds)
    assert scene.leaves_after == pytest.approx(leaves, abs=0.02)
    assert scene.permit.granted.permits == 1


def test_request_without_a_rate_is_sent_however_long_connecting_took(redis: FakeRedis) -> None:
    scene = Scene(redis, rate=False)
    scene.ledger.store.pool.pause("default", by="ana", reason="", until=None)
    scene.use_after(6)


def test_request_is_not_sent_once_a_newer_image_has_come_in(redis: FakeRedis) -> None:
    scene = Scene(redis)
    scene.ledger.enqueue()
    with pytest.raises(NotPermitted) as refusal:
        scene.use_after(2)
    assert isinstance(refusal.value.reply, Waiting)
    assert refusal.value.reply.reason is WaitReason.NEWER_UPLOAD


def test_request_is_not_sent_once_its_job_is_cancelled(redis: FakeRedis) -> None:
    scene = Scene(redis)
    scene.ledger.store.cancel(scene.job)
    with pytest.raises(NotPermitted) as refusal:
        scene.use_after(2)
    assert refusal.value.reply == Ended(JobState.CANCELLED)


def test_request_is_not_sent_once_its_lease_is_lost(redis: FakeRedis) -> None:
    scene = Scene(redis)
    scene.ledger.run_once(LEASE + 1)
    with pytest.raises(LeaseLost):
        scene.permit.use()


def test_first_sending_may_arrive_if_the_request_is_sent_again(redis: FakeRedis) -> None:
    scene = Scene(redis)
    scene.use_after(0.1)
    assert scene.run.is_settled
    scene.use_after(0.1)
    assert not scene.run.is_settled
