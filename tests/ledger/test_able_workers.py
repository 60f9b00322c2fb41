"""A job goes to a worker that can run it; one that no live worker can run waits for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from facelift.codes import JobState, WaitReason
from facelift.ledger.replies import Acquired, Permit, Waiting
from facelift.status.worker import WorkerReport
from facelift.units import Rate
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from facelift.ledger.replies import Lease
    from tests.ledger.driver import Ledger

GRACE = 300.0


def join(ledger: Ledger, worker: str, *stores: str, account: str = "default") -> None:
    """A worker that knows these stores joins the pool."""
    ledger.register(None, account, worker=worker, stores=stores)


def report(worker: str) -> WorkerReport:
    return WorkerReport(name=worker, host="h", pid=1, version="1", slots=10)


def take(ledger: Ledger, worker: str, job: str) -> Lease | Waiting:
    """As a worker does with a message."""
    lease = ledger.lease(job)
    reply = ledger.store.acquire(lease, LEASE, worker)
    if isinstance(reply, Acquired):
        return lease
    assert isinstance(reply, Waiting), reply
    return reply


def own(ledger: Ledger, worker: str) -> list[str]:
    """The jobs with a message on a worker's own queue, the newest first."""
    found = ledger.redis.lrange(ledger.store.keys.worker_queue(worker), 0, -1)
    return [json.loads(each)["headers"]["id"] for each in found]


def test_job_that_one_worker_cannot_run_goes_to_one_that_can(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    join(ledger, "new", "media", "attic")
    job = ledger.enqueue(image="attic:a.png")
    assert isinstance(take(ledger, "old", ledger.take_message()), Waiting)
    assert (own(ledger, "new"), own(ledger, "old"), ledger.messages()) == ([job], [], 0)
    lease = take(ledger, "new", job)
    assert not isinstance(lease, Waiting)
    assert ledger.deliver(lease)
    assert ledger.get(job).attempts_used == 1


def test_next_attempt_of_such_a_job_goes_straight_to_a_worker_that_can(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    join(ledger, "new", "media", "attic")
    job = ledger.enqueue(image="attic:a.png")
    take(ledger, "old", ledger.take_message())
    ledger.redis.delete(ledger.store.keys.worker_queue("new"))
    lease = take(ledger, "new", job)
    assert not isinstance(lease, Waiting)
    ledger.retry_later(lease)
    ledger.run_once(5)
    assert (own(ledger, "new"), ledger.messages()) == ([job], 0)
    # Once all workers can run it, any of them may.
    join(ledger, "old", "media", "attic")
    lease = take(ledger, "new", job)
    assert not isinstance(lease, Waiting)
    ledger.retry_later(lease)
    ledger.run_once(5)
    assert ledger.messages() == 1


def test_jobs_are_spread_over_the_workers_that_can_run_them(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    for name in ("new-1", "new-2", "new-3"):
        join(ledger, name, "attic")
    for number in range(9):
        take(ledger, "old", ledger.enqueue(f"bot-{number}", "attic:a.png"))
    assert [len(own(ledger, f"new-{number}")) for number in (1, 2, 3)] == [3, 3, 3]


@pytest.mark.parametrize("ends", ["gone", "stopping", "leave", "silent"])
def test_messages_of_a_worker_that_ends_go_to_another(ledger: Ledger, ends: str) -> None:
    join(ledger, "old", "media")
    join(ledger, "new-1", "attic")
    job = ledger.enqueue(image="attic:a.png")
    take(ledger, "old", ledger.take_message())
    assert own(ledger, "new-1") == [job]
    if ends == "silent":
        ledger.now += 31
    else:
        getattr(ledger.store.pool, ends)("new-1")
    join(ledger, "old", "media")
    join(ledger, "new-2", "attic")
    ledger.run_once()
    assert (own(ledger, "new-1"), own(ledger, "new-2")) == ([], [job])


def heartbeats(ledger: Ledger, seconds: float, *workers: str) -> None:
    """Time passes in which these workers send heartbeats, and the schedule runs."""
    until = ledger.now + seconds
    while ledger.now < until:
        for worker in workers:
            ledger.store.pool.heartbeat(report(worker))
        ledger.run_once(1)


def test_jobs_leave_a_worker_whose_heartbeats_are_overdue(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    join(ledger, "dead", "attic")
    join(ledger, "new", "attic")
    heartbeats(ledger, 1, "old", "dead", "new")
    jobs = [ledger.enqueue(f"bot-{number}", "attic:a.png") for number in range(4)]
    for _ in jobs:
        take(ledger, "old", ledger.take_message())
    assert len(own(ledger, "dead")) == 2
    for job in own(ledger, "new"):
        take(ledger, "new", job)
    ledger.redis.delete(ledger.store.keys.worker_queue("new"))
    left = own(ledger, "dead")
    heartbeats(ledger, 12, "old", "new")  # of 30 after which the dead one is forgotten
    assert sorted(own(ledger, "new")) == sorted(left)
    take(ledger, "old", ledger.enqueue("later", "attic:a.png"))
    assert len(own(ledger, "dead")) == 2


def test_only_worker_that_can_run_a_job_keeps_it_though_its_heartbeats_are_overdue(
    ledger: Ledger,
) -> None:
    join(ledger, "old", "media")
    join(ledger, "slow", "attic")
    heartbeats(ledger, 1, "old", "slow")
    job = ledger.enqueue(image="attic:a.png")
    take(ledger, "old", ledger.take_message())
    heartbeats(ledger, 25, "old")
    assert own(ledger, "slow") == [job]


def test_lost_message_of_a_workers_own_queue_is_sent_again(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    join(ledger, "new", "attic")
    job = ledger.enqueue(image="attic:a.png")
    take(ledger, "old", ledger.take_message())
    for is_lost in (False, False, True):
        ledger.run_once(10)
        join(ledger, "old", "media")
        join(ledger, "new", "attic")
        assert own(ledger, "new") == [job]
        if is_lost:
            ledger.redis.delete(ledger.store.keys.worker_queue("new"))
    ledger.run_once(10)
    assert own(ledger, "new") == [job]


def test_jobs_for_a_busy_worker_keep_no_permit_from_others(ledger: Ledger) -> None:
    ledger.register(Rate(20, 10), worker="old", stores=("media",))
    ledger.register(Rate(20, 10), worker="new", stores=("attic",))
    for number in range(40):
        ledger.enqueue(f"attic-{number}", "attic:a.png")
    job = ledger.enqueue("ann", "media:a.png")
    for _ in range(60):  # half seconds, in which the other worker takes nothing
        ledger.run_once(0.5)
        ledger.store.pool.heartbeat(report("new"))
        ledger.store.pool.heartbeat(report("old"))
        while ledger.messages():
            lease = take(ledger, "old", ledger.take_message())
            if not isinstance(lease, Waiting):
                assert isinstance(ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit)
                ledger.deliver(lease)
    assert ledger.state(job) is JobState.SUCCEEDED
    assert len(own(ledger, "new")) == 40


@pytest.mark.parametrize("reason", [WaitReason.UNKNOWN_STORE, WaitReason.UNKNOWN_ACCOUNT])
def test_job_that_nobody_can_run_waits_for_a_worker_that_can(
    ledger: Ledger, reason: WaitReason
) -> None:
    account = "shop" if reason is WaitReason.UNKNOWN_ACCOUNT else "default"
    join(ledger, "gone", "attic", account=account)
    ledger.store.pool.leave("gone")
    join(ledger, "old", "media" if reason is WaitReason.UNKNOWN_STORE else "attic")
    job = ledger.enqueue(image="attic:a.png", account=account)
    take(ledger, "old", ledger.take_message())
    assert ledger.get(job).wait_reason == reason
    pool = ledger.store.pool.snapshot()
    assert pool.waiting == {reason: 1}
    shown = (pool.unknown_stores, pool.unknown_accounts)
    assert shown == ((("attic",), ()) if account == "default" else ((), ("shop",)))
    assert ledger.messages() == 0
    join(ledger, "new", "attic", account=account)
    ledger.run_once()
    assert ledger.state(job) is JobState.QUEUED


def test_job_of_an_unknown_store_fails_after_a_grace(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    job = ledger.enqueue(image="attic:a.png")
    take(ledger, "old", ledger.take_message())
    for _ in range(10):
        ledger.now += GRACE / 10
        assert ledger.state(job) is JobState.WAITING
        join(ledger, "old", "media")
        ledger.run_once()
    record = ledger.get(job)
    assert (record.outcome, record.message) == (
        "unknown_store",
        "The workers know no image store 'attic'.",
    )
    assert record.attempts == ()


def test_job_of_an_unknown_store_waits_on_while_no_worker_is_there(ledger: Ledger) -> None:
    join(ledger, "old", "media")
    job = ledger.enqueue(image="attic:a.png")
    take(ledger, "old", ledger.take_message())
    ledger.store.pool.leave("old")
    ledger.run_once(GRACE)
    assert not ledger.state(job).is_terminal
