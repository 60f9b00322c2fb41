"""Jobs whose worker is lost: only the one that ended it fails, in simulated time."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from facelift.status.worker import WorkerReport
from tests.ledger.driver import LEASE
from tests.ledger.lost_workers import LostWorkers

if TYPE_CHECKING:
    from facelift.ledger.replies import Lease
    from tests.ledger.driver import Ledger

HONEST = [f"bot-{number}" for number in range(100)]
night = pytest.mark.nightly


def play(ledger: Ledger, poison: dict[str, str], seconds: float, **pool: float) -> LostWorkers:
    """A hundred honest jobs beside some that end their worker."""
    lost = LostWorkers(ledger, Random(1), poison=poison, **pool)  # type: ignore[arg-type]
    chatbots = HONEST + list(poison)
    Random(2).shuffle(chatbots)
    lost.enqueue(*chatbots)
    lost.run(seconds)
    return lost


@pytest.mark.parametrize(
    ("poison", "pool", "delivered_by", "found_by"),
    [
        ({"sick": "judge"}, {"processes": 2}, 15, 30),
        ({"sick": "judge"}, {"processes": 1}, 25, 60),
        pytest.param({"sick": "read"}, {"processes": 2}, 15, 30, marks=night),
        pytest.param({"sick": "send"}, {"processes": 2}, 15, 30, marks=night),
        pytest.param({"sick": "send"}, {"processes": 10}, 15, 30, marks=night),
        pytest.param({"sick": "read", "ill": "send"}, {"processes": 2}, 25, 60, marks=night),
        pytest.param(dict.fromkeys("abcde", "send"), {"processes": 2}, 30, 90, marks=night),
        pytest.param({"sick": "judge"}, {"is_supervised": False}, 60, 180, marks=night),
    ],
)
def test_only_jobs_that_end_their_worker_fail(
    simulated: Ledger,
    poison: dict[str, str],
    pool: dict[str, float],
    delivered_by: float,
    found_by: float,
) -> None:
    lost = play(simulated, poison, found_by, **pool)
    wanted = dict.fromkeys(HONEST, "delivered") | dict.fromkeys(poison, "crash_loop")
    assert lost.outcomes() == wanted
    assert max(lost.delivered[chatbot] for chatbot in HONEST) < delivered_by
    assert lost.losses <= 7 * len(poison)
    assert lost.ledger.store.pool.snapshot().quarantined == 0
    assert not any("quarantine" in key for key in lost.ledger.leftovers())


@pytest.mark.parametrize(
    ("every", "upload", "is_supervised"),
    [
        (10, 8, True),
        pytest.param(5, 8, True, marks=night),
        pytest.param(1.5, 2, True, marks=night),
        pytest.param(1.5, 0.1, False, marks=night),
        pytest.param(1.5, 8, True, marks=night),
        pytest.param(3, 8, True, marks=night),
        pytest.param(5, 2, False, marks=night),
        pytest.param(10, 8, False, marks=night),
    ],
)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=night), pytest.param(3, marks=night)])
def test_no_job_fails_while_a_node_short_of_memory_kills_its_worker(
    simulated: Ledger, every: float, upload: float, *, is_supervised: bool, seed: int
) -> None:
    chance = Random(seed)
    lost = LostWorkers(
        simulated, chance, processes=1, upload=upload, is_supervised=is_supervised, restart=1
    )
    lost.enqueue(*HONEST)
    for number in range(int(60 / every)):
        lost.at(every * number + chance.uniform(0.05, every), lost.kill_one)
    lost.run(150)
    assert set(lost.outcomes().values()) == {"delivered"}
    assert lost.losses > 3
    assert max(lost.delivered.values()) < 60 + 30 + 4 * upload


def beat(ledger: Ledger, worker: str) -> None:
    ledger.store.pool.heartbeat(
        WorkerReport(name=worker, host="h", pid=1, version="1", slots=10, age=1, poll_age=0)
    )


def run_three(ledger: Ledger) -> list[Lease]:
    """One worker runs three jobs."""
    ledger.register(None)
    beat(ledger, "w")
    return [ledger.acquire(ledger.enqueue(f"bot-{n}"), "w") for n in range(3)]


def test_what_happened_to_a_job_is_in_its_record_and_in_the_pool(ledger: Ledger) -> None:
    job = run_three(ledger)[0].job_id
    ledger.run_once(LEASE + 1)
    record = ledger.get(job)
    assert (record.state, record.wait_reason, record.crashes) == ("waiting", "quarantined", 0)
    assert record.message == ("Lost with worker w, which ran 2 other jobs; it runs apart now.")
    assert record.attempts[-1].reason == "Worker w was lost while it ran this job and 2 others."
    pool = ledger.store.pool.snapshot()
    assert pool.quarantined == 3
    assert pool.events[0].kind == "worker_lost"
    assert "3 jobs" in pool.events[0].reason


def test_worker_that_returns_clears_its_jobs(ledger: Ledger) -> None:
    jobs = [lease.job_id for lease in run_three(ledger)]
    ledger.run_once(LEASE + 1)
    assert ledger.store.pool.snapshot().quarantined == 3
    beat(ledger, "w")
    ledger.run_once()
    records = [ledger.get(job) for job in jobs]
    assert [(each.state, each.lost_leases) for each in records] == [("queued", 0)] * 3
    assert ledger.store.pool.snapshot().quarantined == 0
    assert ledger.store.pool.snapshot().events[0].kind == "worker_returned"


def test_worker_that_returns_each_time_never_ends_a_job(ledger: Ledger) -> None:
    job = ledger.enqueue()
    for _ in range(6):
        beat(ledger, "w")
        lease = ledger.acquire(job, "w")
        ledger.run_once(LEASE + 1)
        beat(ledger, "w")
        ledger.run_once()
        assert not ledger.deliver(lease)
    assert ledger.state(job) == "queued"


def test_redis_that_refused_writes_longer_than_a_lease_suspects_nobody(ledger: Ledger) -> None:
    """Every lease is over; then the schedule runs before any worker can send a heartbeat."""
    jobs = []
    for worker in ("w1", "w2"):
        beat(ledger, worker)
        jobs += [ledger.acquire(ledger.enqueue(f"{worker}-{n}"), worker).job_id for n in range(3)]
    ledger.run_once(60)
    for worker in ("w1", "w2"):
        beat(ledger, worker)
    ledger.run_once()
    assert {ledger.get(job).lost_leases for job in jobs} == {0}
    assert ledger.store.pool.snapshot().quarantined == 0


def test_worker_that_stops_in_good_order_is_not_lost(ledger: Ledger) -> None:
    jobs = [lease.job_id for lease in run_three(ledger)]
    ledger.store.pool.stopping("w")
    ledger.run_once(LEASE + 1)
    records = [ledger.get(job) for job in jobs]
    assert [(each.state, each.lost_leases) for each in records] == [("queued", 0)] * 3
    assert records[0].attempts[-1].reason == "Worker w ended before it could release this job."


def test_reported_loss_ends_the_leases_at_once(ledger: Ledger) -> None:
    leases = run_three(ledger)
    ledger.store.pool.gone("w")
    assert ledger.run_once().recovered == 3
    assert ledger.store.renew(leases, LEASE) == leases


def test_suspect_runs_alone_in_its_worker(ledger: Ledger) -> None:
    first, second, third = (lease.job_id for lease in run_three(ledger))
    for worker in ("w", "w1", "w2", "w3"):  # ten, three, one
        ledger.store.pool.gone(worker)
        ledger.run_once()
        ledger.run_once()
        if worker == "w3":
            break
        following = f"w{int(worker[1:] or 0) + 1}"
        beat(ledger, following)
        for job in (first, second, third):
            reply = ledger.store.acquire(ledger.lease(job), LEASE, following)
            if following == "w3":
                break
            assert type(reply).__name__ == "Acquired", (following, job)
    assert ledger.get(first).crashes == 1


def test_loss_without_any_suspect_clears_what_was_held_against_a_job(ledger: Ledger) -> None:
    job = ledger.enqueue()
    for number in range(9):
        ledger.acquire(job)
        ledger.run_once(LEASE + 1)
        ledger.now += 1
        beat(ledger, f"idle-{number}")
        ledger.store.pool.gone(f"idle-{number}")
        ledger.run_once(600)
    assert ledger.state(job) == "queued"
    assert ledger.get(job).lost_leases == 9


def test_job_that_ended_three_workers_alone_fails(ledger: Ledger) -> None:
    job = ledger.enqueue()
    for _ in range(4):  # the first loss alone is no evidence
        ledger.acquire(job)
        ledger.run_once(LEASE + 1)
        run_once = ledger.run_once(300)
    assert run_once.crash_loops == 1
    record = ledger.get(job)
    assert (record.outcome, record.lost_leases, record.crashes) == ("crash_loop", 4, 3)
    assert ledger.leftovers() == set()
