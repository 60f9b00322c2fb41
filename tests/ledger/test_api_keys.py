"""An API key that the endpoint refuses (401): jobs wait, and one of them tries the next key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import Ended, KeyVerdict, Lease, Waiting
from facelift.units import Rate
from tests.ledger.driver import LEASE
from tests.ledger.key_holders import Worker, account, enqueue, feedback, prove, run

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

GOOD, STALE, NEWER = "good", "stale", "newer"


def test_refused_first_key_pauses_the_account_and_no_job_fails(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", STALE)
    job = ledger.enqueue()
    assert not worker.upload(set(), job)
    record = ledger.get(job)
    assert (record.state, record.wait_reason) == (JobState.WAITING, WaitReason.ACCOUNT_PAUSED)
    assert (record.attempts_used, record.attempts[0].code) == (0, OutcomeCode.UNAUTHORIZED)
    assert record.message == (
        "The account default is paused by facelift: The endpoint refused its API key (401)."
    )
    pause = account(ledger).pause
    assert pause is not None
    assert (pause.code, pause.by, pause.until) == ("unauthorized", "facelift", None)


def test_key_that_worked_is_refused_for_good_the_third_time_in_a_row(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    leases = [worker.take(job) for job in enqueue(ledger, 3)]
    for lease, verdict in zip(leases, ("again", "again", "key"), strict=True):
        assert isinstance(lease, Lease)
        assert account(ledger).pause is None
        assert worker.request(lease) == GOOD
        assert worker.refused(lease, GOOD) == verdict
    assert account(ledger).pause is not None


def test_success_forgets_refusals_of_a_key_that_works(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    for _ in range(2):
        leases = [worker.take(ledger.enqueue()) for _ in range(1)]
        for lease in leases:
            assert isinstance(lease, Lease)
            worker.request(lease)
            assert worker.refused(lease, GOOD) == "again"
            worker.wait(lease, KeyVerdict.AGAIN)
        prove(worker, GOOD)
    assert account(ledger).pause is None


def test_chatbot_that_alone_is_refused_uses_up_its_own_attempts(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    job = ledger.enqueue("foreign")
    verdicts = []
    for _ in range(4):
        ledger.lose_messages()
        lease = worker.take(job)
        assert isinstance(lease, Lease)
        worker.request(lease)
        verdicts.append(worker.refused(lease, GOOD))
        worker.wait(lease, KeyVerdict.AGAIN)
        ledger.now += 0.1
        prove(worker, GOOD)
        ledger.run_once(2)
    assert verdicts == ["again", "chatbot", "chatbot", "chatbot"]
    assert account(ledger).pause is None


def test_lone_job_whose_chatbot_was_doubted_is_not_spent_on_a_revoked_key(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    job = ledger.enqueue("foreign")
    verdicts = []
    for number in range(5):
        ledger.lose_messages()
        lease = worker.take(job)
        assert isinstance(lease, Lease)
        worker.request(lease)
        verdicts.append(worker.refused(lease, GOOD))
        assert worker.refused(lease, GOOD) == verdicts[-1]  # the reply was lost
        worker.wait(lease, verdicts[-1])
        ledger.now += 0.1
        if number == 0:
            prove(worker, GOOD)
        ledger.run_once(2)
    assert verdicts == ["again", "chatbot", "again", "again", "key"]
    assert account(ledger).pause is not None


def test_403_pauses_an_account_with_two_keys_too(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    worker.hold(NEWER, GOOD)
    prove(worker, NEWER)
    for number in range(3):
        lease = worker.take(ledger.enqueue(f"bot-{number}"))
        assert isinstance(lease, Lease)
        assert worker.request(lease) == NEWER
        ledger.fail(lease, OutcomeCode.FORBIDDEN, feedback(NEWER))
    worker.hold(NEWER, GOOD)
    assert account(ledger).pause is not None


def pause_for_stale_key(ledger: Ledger, jobs: int) -> tuple[Worker, list[str]]:
    """An account whose only key is refused, with jobs that wait."""
    worker = Worker(ledger, "w", STALE)
    waiting = enqueue(ledger, jobs)
    run(ledger, {}, worker)
    assert {ledger.get(job).wait_reason for job in waiting} == {WaitReason.ACCOUNT_PAUSED}
    return worker, waiting


@pytest.mark.parametrize("how", ["resumed", "mistyped"])
def test_key_that_is_still_wrong_costs_one_request_and_no_job(ledger: Ledger, how: str) -> None:
    worker, jobs = pause_for_stale_key(ledger, 12)
    if how == "resumed":
        assert ledger.store.pool.resume("default", by="ana")
    else:
        worker.leave()
        worker = Worker(ledger, "again", "mistyped")
    assert len(run(ledger, {}, worker)) == 1
    assert account(ledger).pause is not None
    assert {ledger.get(job).attempts_used for job in jobs} == {0}
    assert {ledger.get(job).wait_reason for job in jobs} == {WaitReason.ACCOUNT_PAUSED}


@pytest.mark.parametrize("how", ["resumed", "another key", "key before"])
def test_one_probe_opens_the_account_for_all(ledger: Ledger, how: str) -> None:
    worker, jobs = pause_for_stale_key(ledger, 12)
    if how == "key before":
        Worker(ledger, "v", GOOD).leave()
    if how == "resumed":
        assert ledger.store.pool.resume("default", by="ana")
        key = STALE
    else:
        worker.hold(GOOD)
        key = GOOD
    ledger.run_once(0.1)
    assert ledger.messages() == 1
    (record, *_) = [ledger.get(job) for job in jobs if ledger.state(job) is JobState.WAITING]
    assert record.message == "One upload tries the API key of the account default first."
    run(ledger, taken := {key: 0}, worker)
    assert taken[key] == len(jobs)
    assert account(ledger).pause is None


def test_probe_that_proves_nothing_is_followed_by_another(ledger: Ledger) -> None:
    worker, jobs = pause_for_stale_key(ledger, 3)
    ledger.store.pool.resume("default", by="ana")
    ledger.run_once(0.1)
    lease = worker.take(probe := ledger.take_message())
    assert isinstance(lease, Lease)
    ledger.fail(lease, OutcomeCode.IMAGE_TRUNCATED)
    ledger.run_once(0.1)
    assert ledger.messages() == 1
    ledger.lose_messages()
    run(ledger, taken := {STALE: 0}, worker, seconds=20)
    assert taken[STALE] == len(jobs) - 1
    assert ledger.state(probe) is JobState.FAILED


def test_restart_with_a_mistyped_key_costs_one_request(ledger: Ledger) -> None:
    before = Worker(ledger, "v", GOOD)
    prove(before, GOOD)
    before.leave()
    worker = Worker(ledger, "w", "mistyped")
    jobs = enqueue(ledger, 12)
    assert run(ledger, {GOOD: 0}, worker) == ["mistyped"]
    assert {ledger.get(job).wait_reason for job in jobs} == {WaitReason.ACCOUNT_PAUSED}
    worker.leave()
    run(ledger, taken := {GOOD: 0}, Worker(ledger, "x", GOOD))
    assert taken[GOOD] == len(jobs)


@pytest.mark.parametrize("first", [GOOD, STALE])
def test_worker_with_a_stale_key_leaves_all_jobs_to_others(simulated: Ledger, first: str) -> None:
    ledger = simulated
    keys = [GOOD, STALE] if first == GOOD else [STALE, GOOD]
    workers = [Worker(ledger, f"of-{key}", key) for key in keys]
    jobs = enqueue(ledger, 100)
    refused = run(ledger, taken := {GOOD: 0}, *workers, seconds=60)
    assert taken[GOOD] == len(jobs)
    assert len(refused) <= 8
    assert {ledger.get(job).attempts_used for job in jobs} == {1}
    stale = next(each for each in workers if each.keys == (STALE,))
    stale.hold(STALE)
    assert stale.others == ("default",)
    lease = stale.take(ledger.enqueue())
    assert isinstance(lease, Waiting)
    assert lease.left == "default"
    assert account(ledger).pause is None


def test_jobs_that_a_worker_leaves_use_up_nothing_of_the_rate(simulated: Ledger) -> None:
    ledger, rate = simulated, Rate(20, 2)
    good, stale = (Worker(ledger, key, key, rate=rate) for key in (GOOD, STALE))
    prove(good, GOOD)
    jobs, began = enqueue(ledger, 80), ledger.now
    run(ledger, taken := {GOOD: 0}, good, stale, seconds=60)
    assert taken[GOOD] == len(jobs)
    assert ledger.now - began < 1.2 * len(jobs) / 20 * 2


def test_success_with_one_key_does_not_clear_another(simulated: Ledger) -> None:
    ledger = simulated
    good, stale = Worker(ledger, "v", GOOD), Worker(ledger, "w", STALE)
    prove(good, GOOD)
    enqueue(ledger, 40)
    assert run(ledger, {GOOD: 0}, good, stale, seconds=20) == [STALE]
    enqueue(ledger, 40, "later")
    assert run(ledger, {GOOD: 0}, good, stale, seconds=20) == []


def test_key_before_the_newest_is_used_once_nobody_has_the_newest(ledger: Ledger) -> None:
    older, newer = Worker(ledger, "v", GOOD), Worker(ledger, "w", NEWER)
    prove(older, GOOD)
    prove(newer, NEWER)
    ledger.enqueue()
    assert isinstance(older.take(ledger.take_message()), Waiting)
    newer.leave()
    run(ledger, taken := {GOOD: 0}, older)
    assert taken[GOOD] == 1


def test_new_key_is_tried_while_the_one_before_goes_on(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    worker.hold(NEWER, GOOD)
    leases = [worker.take(job) for job in enqueue(ledger, 3)]
    keys = [worker.request(lease) for lease in leases if isinstance(lease, Lease)]
    assert keys == [NEWER, GOOD, GOOD]
    assert isinstance(leases[0], Lease)
    assert worker.refused(leases[0], NEWER) == "key"
    assert worker.request(leases[0], 2, (GOOD,)) == GOOD
    assert account(ledger).pause is None


def test_refused_newest_key_is_tried_again_after_half_a_minute(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    worker.hold(NEWER, GOOD)
    used = []
    for _ in range(4):
        lease = worker.take(ledger.enqueue())
        assert isinstance(lease, Lease)
        used.append(worker.request(lease))
        if used[-1] == NEWER:
            worker.refused(lease, NEWER)
            worker.request(lease, 2, (GOOD,))
        worker.deliver(lease, GOOD)
        worker.hold(NEWER, GOOD)
        ledger.now += 16
    assert used == [NEWER, GOOD, NEWER, GOOD]


def test_other_key_is_tried_at_once_when_the_working_one_is_revoked(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    prove(worker, GOOD)
    worker.hold(NEWER, GOOD)
    lease = worker.take(ledger.enqueue())
    assert isinstance(lease, Lease)
    assert worker.request(lease) == NEWER
    worker.refused(lease, NEWER)
    worker.request(lease, 2, (GOOD,))
    worker.deliver(lease, GOOD)

    lease = worker.take(ledger.enqueue())
    assert isinstance(lease, Lease)
    assert worker.request(lease) == GOOD
    worker.refused(lease, GOOD)
    assert worker.request(lease, 2, (NEWER,)) == NEWER
    worker.deliver(lease, NEWER)
    assert account(ledger).pause is None


@pytest.mark.parametrize("queued", [True, False])
def test_deadline_that_passes_while_a_key_is_missing_ends_as_unauthorized(
    ledger: Ledger, *, queued: bool
) -> None:
    worker, _ = pause_for_stale_key(ledger, 1)
    job = ledger.enqueue("late", expires_at=ledger.now + 5)
    if queued:
        ledger.now += 6
        reply = ledger.store.acquire(ledger.lease(job), LEASE, worker.name)
        assert reply == Ended(JobState.FAILED)
    else:
        assert isinstance(worker.request(ledger.acquire(job)), Waiting)
        ledger.run_once(6)
    record = ledger.get(job)
    assert (record.state, record.outcome) == (JobState.FAILED, OutcomeCode.UNAUTHORIZED)
    assert record.message == (
        "Its deadline passed while the endpoint refused the API key of its account. Give the "
        "workers a key that works, then replay the job."
    )


def test_deadline_in_an_operators_pause_expires_the_job(ledger: Ledger) -> None:
    Worker(ledger, "w", GOOD)
    ledger.store.pool.pause("default", by="ana", reason="", until=None)
    job = ledger.enqueue("late", expires_at=ledger.now + 5)
    ledger.acquire(job)
    ledger.run_once(LEASE)
    ledger.run_once(10)
    assert ledger.state(job) is JobState.EXPIRED


def test_403_of_a_probe_pauses_the_account_again(ledger: Ledger) -> None:
    worker = Worker(ledger, "w", GOOD)
    for number in range(4):
        lease = worker.take(ledger.enqueue(f"bot-{number}"))
        if number == 3:
            assert isinstance(lease, Lease)
            assert isinstance(worker.request(lease), Waiting)
            break
        assert isinstance(lease, Lease)
        worker.request(lease)
        ledger.fail(lease, OutcomeCode.FORBIDDEN, feedback(GOOD))
    assert account(ledger).pause is not None
    enqueue(ledger, 5, "later")
    ledger.lose_messages()
    ledger.store.pool.resume("default", by="ana")
    ledger.run_once(0.1)
    assert ledger.messages() == 1
    lease = worker.take(ledger.take_message())
    assert isinstance(lease, Lease)
    assert worker.request(lease) == GOOD
    ledger.fail(lease, OutcomeCode.FORBIDDEN, feedback(GOOD))
    assert account(ledger).pause is not None
    ledger.run_once(1)
    assert ledger.messages() == 0
