"""An account's rate: never more in any window, hardly ever less, nobody else delayed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import Permit, Waiting
from facelift.units import Rate
from tests.conftest import real_by_day
from tests.ledger.driver import LEASE, REQUEST, START, Ledger
from tests.ledger.simulation import Answer, Simulation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

SHARE = 16  # messages of one account on the queue


def fill(ledger: Ledger, jobs: int, *, first: int = 0, account: str = "default") -> list[str]:
    """Jobs of as many chatbots."""
    return [
        ledger.enqueue(f"{account}-{number}", account=account)
        for number in range(first, first + jobs)
    ]


def deliver_all_queued(ledger: Ledger) -> int:
    """Do what lies on the queue, at once; returns how many requests that were."""
    delivered = 0
    while ledger.messages():
        lease = ledger.lease(ledger.take_message())
        ledger.store.acquire(lease, LEASE, "worker-1")
        if isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit):
            delivered += ledger.deliver(lease)
    return delivered


def most_in_a_window(times: Sequence[float], window: float) -> int:
    """The most of `times` that any window, open at its end, holds."""
    times = sorted(times)
    most = start = 0
    for end, time in enumerate(times):
        while times[start] <= time - window:
            start += 1
        most = max(most, end - start + 1)
    return most


def test_jobs_over_the_rate_wait_in_redis_and_hold_no_lease(ledger: Ledger) -> None:
    ledger.register(Rate(3, 10))
    jobs = fill(ledger, 12)
    assert deliver_all_queued(ledger) == 3
    waiting = [ledger.get(job) for job in jobs if ledger.state(job) is JobState.WAITING]
    assert len(waiting) == 9
    assert waiting[0].wait_reason == WaitReason.RATE_LIMITED
    assert waiting[1].wait_reason == WaitReason.BACKLOG
    assert waiting[1].message == "1 other job of its account goes first."
    assert waiting[2].message == "2 other jobs of its account go first."
    assert waiting[4].wait_until == pytest.approx(ledger.now + 10 + 4 * 10 / 3, abs=0.1)


@real_by_day
@pytest.mark.parametrize(
    ("takes", "free"),
    [
        (7.0, 11.0),
        pytest.param(0.5, 10.5, marks=pytest.mark.nightly),
        pytest.param(30.0, 11.0, marks=pytest.mark.nightly),
    ],
)
def test_a_permit_is_free_one_window_after_the_endpoint_counted_it(
    ledger: Ledger, takes: float, free: float
) -> None:
    """Which it does when it answers, and within a second at the latest."""
    ledger.register(Rate(1, 10))
    fill(ledger, 2)
    lease = ledger.acquire_with_permit(ledger.take_message())
    ends, went = ledger.now + takes, 0.0
    for _ in range(1300):
        ledger.now = round(ledger.now + 0.01, 2)
        if ledger.now == round(ends, 2):
            ledger.deliver(lease)
        ledger.run_once()
        if not went and deliver_all_queued(ledger):
            went = ledger.now - START
    assert went == pytest.approx(free, abs=0.02)


def test_a_request_of_a_lost_worker_counts_as_well(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    fill(ledger, 2)
    ledger.store.acquire(lease := ledger.lease(ledger.take_message()), 3, "lost")
    ledger.store.acquire_permit(lease, 3, REQUEST)
    ledger.run_once(10.9)
    assert deliver_all_queued(ledger) == 0
    ledger.run_once(0.2)
    assert deliver_all_queued(ledger) == 1


def test_a_job_that_ends_before_its_request_frees_its_permit(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    first, second = fill(ledger, 2)
    assert {ledger.take_message(), ledger.take_message()} == {first, second}
    ledger.acquire(second)  # acquired early, without a permit
    ledger.fail(ledger.acquire(first), OutcomeCode.IMAGE_NOT_SQUARE)
    assert ledger.store.pool.snapshot().accounts[0].used == 0


def test_first_come_first_served(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    jobs = fill(ledger, 20)
    ended = []
    for _ in jobs:
        deliver_all_queued(ledger)
        ended += [job for job in jobs if job not in ended and ledger.state(job) == "succeeded"]
        ledger.run_once(10.1)
    assert ended == jobs


def test_a_newer_image_takes_the_queue_position_of_the_older(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    first, second, third = fill(ledger, 3)
    deliver_all_queued(ledger)
    newer = ledger.enqueue("default-1")
    deliver_all_queued(ledger)
    assert ledger.get(second).wait_reason == WaitReason.NEWER_UPLOAD
    ledger.run_once(10.1)
    deliver_all_queued(ledger)
    assert [ledger.state(job) for job in (first, newer, third)] == [
        JobState.SUCCEEDED,
        JobState.SUCCEEDED,
        JobState.WAITING,
    ]


def test_a_busy_account_leaves_the_queue_to_others(ledger: Ledger) -> None:
    ledger.register(Rate(100, 10))
    ledger.register(None, "other", key="key-2")
    fill(ledger, 120)
    assert ledger.messages() == SHARE
    other = ledger.enqueue("bot", account="other")
    assert ledger.messages() == SHARE + 1
    assert ledger.state(other) is JobState.QUEUED


def test_a_bad_image_fails_at_once_while_the_queue_is_short(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    fill(ledger, 1)
    deliver_all_queued(ledger)
    bad = ledger.enqueue("bad")
    ledger.fail(ledger.acquire(ledger.take_message()), OutcomeCode.IMAGE_NOT_SQUARE)
    assert ledger.state(bad) is JobState.FAILED


def test_an_image_is_checked_early_only_once(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    fill(ledger, 1)
    deliver_all_queued(ledger)
    job = ledger.enqueue("late")
    lease = ledger.acquire(ledger.take_message())
    assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Waiting)
    ledger.run_once(1)
    assert ledger.messages() == 0
    ledger.run_once(10)
    assert ledger.take_message() == job


def test_permit_asked_for_again_after_a_lost_reply_is_the_same(ledger: Ledger) -> None:
    ledger.register(Rate(2, 10))
    lease = ledger.acquire_with_permit(fill(ledger, 1)[0])
    assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit)
    assert ledger.store.pool.snapshot().accounts[0].used == 1


def test_permit_asked_for_again_before_it_is_used_counts_from_then_on(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    pool = ledger.store.pool
    lease = ledger.acquire_with_permit(fill(ledger, 1)[0])
    ledger.run_once(4)
    permit = ledger.store.acquire_permit(lease, LEASE, REQUEST)
    assert isinstance(permit, Permit)
    assert permit.permits == pool.snapshot().accounts[0].used == 1
    ledger.run_once(10.9)
    assert pool.snapshot().accounts[0].used == 1
    ledger.run_once(0.2)
    assert pool.snapshot().accounts[0].used == 0


def test_permit_that_nobody_used_in_its_time_goes_to_another_job(ledger: Ledger) -> None:
    ledger.register(Rate(1, 2))
    first, second = fill(ledger, 2)
    lease = ledger.acquire_with_permit(first)
    ledger.run_once(3.1)
    ledger.acquire_with_permit(second)
    assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Waiting)
    assert ledger.get(first).wait_reason == WaitReason.RATE_LIMITED


def test_a_second_request_under_one_lease_needs_its_own_permit(ledger: Ledger) -> None:
    ledger.register(Rate(2, 10))
    lease = ledger.acquire_with_permit(fill(ledger, 1)[0])
    assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST, request=2), Permit)
    assert ledger.store.pool.snapshot().accounts[0].used == 2
    ledger.deliver(lease)
    fill(ledger, 1, first=1)
    ledger.run_once(9.9)
    assert deliver_all_queued(ledger) == 0
    ledger.run_once(0.2)
    assert deliver_all_queued(ledger) == 1


def test_without_a_rate_nothing_waits(ledger: Ledger) -> None:
    ledger.register(None)
    fill(ledger, 3 * SHARE)
    assert deliver_all_queued(ledger) == 3 * SHARE


def test_permits_of_deleted_jobs_are_removed(ledger: Ledger) -> None:
    jobs = fill(ledger, SHARE + 1)
    for job in jobs[:-1]:
        ledger.redis.delete(ledger.store.keys.job(job))
    ledger.lose_messages()
    ledger.run_once(20)
    ledger.run_once(20)
    assert ledger.state(jobs[-1]) is JobState.QUEUED


@dataclass(frozen=True)
class World:
    """What a rate is kept in: how long things take at most."""

    limit: int
    window: float
    latency: float
    busy: float
    stall: float

    def answer(self, _chatbot: str, _second: float, rng: Random) -> Answer:
        return Answer(seconds=rng.uniform(0, self.latency))


worlds = st.builds(
    World,
    limit=st.integers(1, 12),
    window=st.sampled_from([0.5, 2.0, 10.0]),
    latency=st.sampled_from([0.0, 0.1, 3.0]),
    busy=st.sampled_from([0.0, 0.05, 1.0]),
    stall=st.sampled_from([0.0, 1.0, 3.0]),
)


@real_by_day
def test_no_window_ever_holds_more_than_the_rate_allows(redis_client: Redis) -> None:
    is_fake = isinstance(redis_client, FakeRedis)  # whose scripts take ten times as long

    @settings(
        max_examples=3 if is_fake else 24,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32), world=worlds)
    def holds_no_more(seed: int, world: World) -> None:
        redis_client.flushall()
        ledger, rng = Ledger(redis_client), Random(seed)
        ledger.register(Rate(world.limit, world.window))
        simulation = Simulation(
            ledger, rng, world.answer, slots=10_000, busy=world.busy, stall=world.stall
        )
        for batch in range(4):
            fill(ledger, rng.randrange(2 * world.limit + 2), first=100 * batch)
            simulation.run(rng.uniform(0, 1.5 * world.window))
        counted = [each.counted for each in simulation.requests]
        assert most_in_a_window(counted, world.window) <= world.limit

    holds_no_more()


@real_by_day
def test_a_backlog_uses_the_whole_rate(ledger: Ledger) -> None:
    ledger.register(Rate(10, 2))
    fill(ledger, 100)
    simulation = Simulation(ledger, Random(1))
    simulation.run(4)
    before = len(simulation.requests)
    simulation.run(12)
    assert len(simulation.requests) - before >= 0.98 * 60
    assert simulation.longest_queue <= SHARE
