"""Ledger time goes on evenly when Redis' clock is set, and people's times stay wall-clock times."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from facelift.codes import JobState, WaitReason
from facelift.job import UploadJob
from facelift.ledger.clock import ClockWitness
from facelift.ledger.connection import connect
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.replies import Acquired, Lease, Permit, Waiting
from facelift.ledger.scripts import Scripts
from facelift.ledger.store import JobStore
from facelift.status.worker import WorkerReport
from facelift.units import Rate
from tests.ledger.driver import Ledger
from tests.moved_clock import MovedClock, redis_with_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from redis import Redis

    from facelift.record import JobRecord

pytestmark = pytest.mark.usefixtures("redis_binary")

HALF_AN_HOUR = 1800.0
LEASE = 15.0


class Pool(NamedTuple):
    """A ledger by Redis' own clock, which a test sets, and a worker's witness of it."""

    redis: Redis
    clock: MovedClock
    store: JobStore
    witness: ClockWitness

    def now(self) -> float:
        """Redis' clock."""
        seconds, micros = self.redis.time()
        return float(seconds + micros / 1e6)

    def enqueue(self, chatbot: str = "bot", **fields: Any) -> str:
        job = UploadJob(chatbot_id=chatbot, image="media:a.png", **fields)
        _, record = self.store.enqueue(
            job, f"job-of-{chatbot}", lifetime=86_400, idempotency_window=3600
        )
        return record.id

    def acquire(self, job_id: str) -> Lease:
        lease = Lease(job_id, f"token-of-{job_id}")
        assert isinstance(self.store.acquire(lease, LEASE, "worker"), Acquired)
        return lease

    def permit(self, lease: Lease) -> object:
        return self.store.acquire_permit(lease, LEASE, 30.0)

    def another(self, worker: str, seconds: list[float]) -> ClockWitness:
        """A witness with a clock of its own: `seconds[0]`."""
        scripts = Scripts(self.redis, self.store.keys)
        return ClockWitness(self.redis, self.store.keys, scripts, worker, clock=lambda: seconds[0])

    def record(self, job_id: str) -> JobRecord:
        return self.store.records.get(job_id)

    def state(self, job_id: str) -> JobState:
        return self.record(job_id).state


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Redis, MovedClock]]:
    folder = tmp_path_factory.mktemp("clock")
    with redis_with_clock(folder) as (server, clock), connect(server.url) as redis:
        yield redis, clock


@pytest.fixture
def pool(server: tuple[Redis, MovedClock]) -> Pool:
    redis, clock = server
    clock.set(0)
    redis.flushall()
    store = JobStore(redis)
    made = Pool(redis, clock, store, store.witness("worker"))
    made.witness.check()
    return made


@pytest.mark.parametrize("step", [HALF_AN_HOUR, -HALF_AN_HOUR, 7.0, -1.0])
def test_step_is_noticed_and_told(pool: Pool, step: float) -> None:
    before = pool.now()
    pool.clock.set(step)
    pool.witness.check()
    status = pool.store.pool.snapshot(5)
    assert status.clock.steps == 1
    assert status.clock.step == pytest.approx(step, abs=0.5)
    assert status.clock.offset == pytest.approx(-step, abs=0.5)
    assert status.at == pytest.approx(before + step, abs=1)
    (event,) = status.events
    how = "forward" if step > 0 else "back"
    assert event.reason.startswith(f"The clock of Redis was set {how} by ")
    pool.witness.check()
    assert pool.store.pool.snapshot(5).clock.steps == 1


def test_clock_that_goes_on_is_no_step(pool: Pool) -> None:
    for _ in range(3):
        time.sleep(0.05)
        pool.witness.check()
    assert pool.store.pool.snapshot(5).clock.steps == 0


@pytest.mark.parametrize("checks", [0, 1])
def test_lease_outlives_a_step_forward(pool: Pool, checks: int) -> None:
    job = pool.enqueue()
    lease = pool.acquire(job)
    pool.clock.set(HALF_AN_HOUR)
    for _ in range(checks):
        pool.witness.check()
    pool.store.run_schedule(100)
    assert pool.state(job) is JobState.RUNNING
    assert isinstance(pool.permit(lease), Permit)


def test_lost_lease_ends_in_time_after_a_step_back(pool: Pool) -> None:
    job = pool.enqueue()
    lease = Lease(job, "token")
    pool.store.acquire(lease, 0.2, "worker")
    pool.clock.set(-HALF_AN_HOUR)
    pool.witness.check()
    due = pool.store.run_schedule(100).next_due
    assert due is not None
    assert due < 0.5
    time.sleep(0.3)
    pool.store.run_schedule(100)
    assert pool.state(job) is not JobState.RUNNING


@pytest.mark.parametrize("step", [HALF_AN_HOUR, -HALF_AN_HOUR])
def test_rate_window_forgets_nothing_at_a_step(pool: Pool, step: float) -> None:
    rate = Rate(2, 60)
    pool.store.pool.register(BreakerPolicy(), [Registration("default", rate, fingerprint="key")])
    for chatbot in ("a", "b"):
        assert isinstance(pool.permit(pool.acquire(pool.enqueue(chatbot))), Permit)
    third = Lease(pool.enqueue("c"), "token")
    pool.clock.set(step)
    for _ in range(2):
        pool.store.run_schedule(100)
        pool.store.acquire(third, LEASE, "worker")
        assert not isinstance(pool.permit(third), Permit)
        pool.witness.check()
    assert pool.store.pool.snapshot(0).accounts[0].used == 2


def test_no_permit_is_given_while_ledger_time_stands_still(pool: Pool) -> None:
    rate = Rate(100, 10)
    pool.store.pool.register(BreakerPolicy(), [Registration("default", rate, fingerprint="key")])
    job = pool.enqueue()
    lease = pool.acquire(job)
    pool.clock.set(HALF_AN_HOUR)
    waiting = pool.permit(lease)
    assert isinstance(waiting, Waiting)
    assert waiting.reason is WaitReason.RATE_LIMITED
    pool.witness.check()
    pool.store.run_schedule(100)
    again = Lease(job, "again")
    assert isinstance(pool.store.acquire(again, LEASE, "worker"), Acquired)
    assert isinstance(pool.permit(again), Permit)


@pytest.mark.parametrize("step", [HALF_AN_HOUR, -HALF_AN_HOUR])
def test_times_that_people_gave_stay_wall_clock_times(pool: Pool, step: float) -> None:
    is_due = step > 0
    now = pool.now()
    scheduled = pool.enqueue("scheduled", not_before=now + 600)
    mortal = pool.enqueue("mortal", not_before=now + 700, expires_at=now + 900)
    pool.clock.set(step)
    for _ in range(3):
        pool.witness.check()
        pool.store.run_schedule(100)
    assert (pool.state(scheduled) is JobState.QUEUED) == is_due
    assert (pool.state(mortal) is JobState.EXPIRED) == is_due
    if not is_due:
        assert pool.record(scheduled).wait_until == pytest.approx(now + 600, abs=0.01)


def test_scheduled_job_is_not_due_early_after_a_step_back(pool: Pool) -> None:
    job = pool.enqueue(not_before=pool.now() + 0.1)
    pool.clock.set(-HALF_AN_HOUR)
    pool.witness.check()
    time.sleep(0.2)
    pool.store.run_schedule(100)
    assert pool.state(job) is JobState.WAITING
    pool.clock.set(0)
    for _ in range(4):
        pool.witness.check()
        pool.store.run_schedule(100)
    assert pool.state(job) is JobState.QUEUED


@pytest.mark.parametrize("step", [HALF_AN_HOUR, -HALF_AN_HOUR])
def test_backoff_lasts_as_long_though_the_clock_is_set_meanwhile(pool: Pool, step: float) -> None:
    job = pool.enqueue()
    lease = pool.acquire(job)
    driver = Ledger(pool.redis)
    driver.store, driver.now = pool.store, pool.record(job).started_at or 0
    pool.clock.set(step)
    pool.witness.check()
    assert driver.retry_later(lease, 60)
    due = pool.store.run_schedule(100).next_due
    assert due is not None
    assert 55 < due <= 60
    until = pool.record(job).wait_until
    assert until == pytest.approx(pool.now() + due, abs=1)


def test_times_in_records_are_those_of_the_clock(pool: Pool) -> None:
    pool.clock.set(HALF_AN_HOUR)
    pool.witness.check()
    job = pool.enqueue()
    pool.acquire(job)
    record = pool.record(job)
    for at in (record.created_at, record.started_at):
        assert at == pytest.approx(pool.now(), abs=1)


def test_worker_that_was_suspended_does_not_turn_time_back(pool: Pool) -> None:
    seconds = [100.0]
    suspended = pool.another("other", seconds)
    suspended.check()
    for ahead in (2, 4, 6):  # the others see that time passes
        pool.clock.set(ahead)
        witness = pool.store.witness("worker")
        witness.check()
    suspended.check()
    assert pool.store.pool.snapshot(0).clock.steps == 0


def test_pause_of_the_whole_pool_is_no_step(pool: Pool) -> None:
    seconds = [100.0]
    witness = pool.another("worker", seconds)
    witness.check()
    pool.clock.set(20)
    seconds[0] += 20
    witness.check()
    assert pool.store.pool.snapshot(0).clock.steps == 0
    job = pool.enqueue()
    assert pool.record(job).created_at == pytest.approx(pool.now(), abs=1)
    assert float(str(pool.redis.zscore(pool.store.keys.schedule, job))) > pool.now()


def test_first_worker_after_a_rest_believes_the_clock(pool: Pool) -> None:
    pool.clock.set(HALF_AN_HOUR)
    pool.store.witness("fresh").check()
    status = pool.store.pool.snapshot(0)
    assert (status.clock.steps, status.clock.offset) == (0, 0.0)
    job = pool.enqueue()
    assert float(str(pool.redis.zscore(pool.store.keys.schedule, job))) > pool.now()


def test_fresh_worker_leaves_the_verdict_to_those_that_were_there(pool: Pool) -> None:
    report = WorkerReport(name="worker", host="h", pid=1, version="1", slots=1)
    pool.store.pool.heartbeat(report)
    job = pool.enqueue()
    pool.acquire(job)
    seconds = [100.0]
    pool.clock.set(HALF_AN_HOUR)
    fresh = pool.another("fresh", seconds)
    fresh.check()
    pool.store.run_schedule(100)
    assert pool.state(job) is JobState.RUNNING
    pool.witness.check()
    assert pool.store.pool.snapshot(0).clock.steps == 1
    fresh.check()
    assert pool.store.pool.snapshot(0).clock.steps == 1

    pool.clock.set(2 * HALF_AN_HOUR)
    alone = pool.another("alone", seconds)
    alone.check()
    seconds[0] += 1
    pool.clock.set(2 * HALF_AN_HOUR + 1)
    assert pool.store.pool.snapshot(0).clock.steps == 1


def test_first_entry_of_the_schedule_is_one_command_but_every_two_seconds(pool: Pool) -> None:
    seconds = [100.0]
    witness = pool.another("other", seconds)
    witness.check()
    pool.enqueue(not_before=pool.now() + 60)
    for passed, most in ((1, 1), (3, 6), (4, 1)):
        seconds[0] = 100.0 + passed
        pool.clock.set(passed)
        before = int(pool.redis.info("stats")["total_commands_processed"])
        found = witness.first_due()
        assert found is not None
        after = int(pool.redis.info("stats")["total_commands_processed"])
        assert after - before - 1 <= most


def test_worker_at_rest_goes_on_by_what_it_knows_of_the_clock(pool: Pool) -> None:
    seconds = [100.0]
    witness = pool.another("worker", seconds)
    witness.check()
    store = JobStore(pool.redis)
    store._scripts.knowledge = witness.knowledge
    job = pool.enqueue()
    for ahead, is_believed in ((14, True), (HALF_AN_HOUR, False)):
        pool.clock.set(ahead)  # nobody has confirmed it
        seconds[0] = 114.0
        lease = Lease(job, "token")
        assert isinstance(store.acquire(lease, LEASE, "worker"), Acquired)
        until = float(str(pool.redis.zscore(store.keys.schedule, job)))
        assert (abs(until - pool.now() - LEASE) < 1) == is_believed
        assert store.release(lease)
