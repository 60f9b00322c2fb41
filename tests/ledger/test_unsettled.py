"""An upload without an answer may still be applied: a newer image is uploaded once more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.replies import Acquired, Feedback, Lease, Permit, Quota, Waiting
from tests.ledger.driver import LEASE, REQUEST, Ledger

if TYPE_CHECKING:
    from facelift.record import JobRecord

OLD, NEW, NEWEST = "a" * 64, "b" * 64, "c" * 64
CLOCK_STEP = 7200  # a key of use for seconds outlives a step of Redis' clock
WINDOW = 120.0


def request(ledger: Ledger, job_id: str, image: str) -> Lease:
    """Begin a request that sends `image`."""
    lease = ledger.acquire(job_id)
    permit = ledger.store.acquire_permit(lease, LEASE, REQUEST, sha256=image)
    assert isinstance(permit, Permit)
    return lease


def feedback(*, settled: bool) -> Feedback:
    return Feedback(Permit(), answered=settled, fingerprint="key-1", quota=Quota(), settled=settled)


def time_out(ledger: Ledger, lease: Lease, delay: float = 3600.0, *, settled: bool = False) -> None:
    """The request gets no answer; the job is retried after `delay`."""
    until = ledger.now + delay
    attempt = ledger.attempt(OutcomeCode.TIMEOUT, None, Decision.RETRY, next_at=until)
    kept = ledger.store.retry_later(
        lease, until, WaitReason.RETRY, "Late.", attempt, feedback=feedback(settled=settled)
    )
    assert kept


def deliver(ledger: Ledger, lease: Lease, *, settled: bool = True) -> None:
    decision = Decision.REPEAT if ledger.get(lease.job_id).repeats else Decision.SUCCEED
    attempt = ledger.attempt(OutcomeCode.DELIVERED, 200, decision)
    kept = ledger.store.complete(
        lease,
        JobState.SUCCEEDED,
        OutcomeCode.DELIVERED,
        "Done.",
        attempt,
        feedback=feedback(settled=settled),
    )
    assert kept


def repeats(ledger: Ledger) -> list[JobRecord]:
    """The records of all repeats, oldest first."""
    keys = ledger.store.keys
    ids = [key.rpartition(":")[2] for key in ledger.redis.keys(keys.job("repeat-*"))]
    return sorted((ledger.get(each) for each in ids), key=lambda record: record.created_at)


def unsettle(ledger: Ledger) -> str:
    """A job whose upload got no answer; a newer one is delivered. Returns the newer one."""
    time_out(ledger, request(ledger, ledger.enqueue(job_id="old"), OLD))
    ledger.now += 10
    deliver(ledger, request(ledger, ledger.enqueue(job_id="new", batch="spring"), NEW))
    return "new"


def test_newer_image_is_uploaded_once_more_when_the_mark_runs_out(ledger: Ledger) -> None:
    began = ledger.now
    job = unsettle(ledger)
    (repeat,) = repeats(ledger)
    assert (repeat.repeats, repeat.sha256, repeat.image) == (job, NEW, "media:a.png")
    assert (repeat.wait_reason, repeat.wait_until) == (WaitReason.UNSETTLED, began + WINDOW)
    assert ledger.get(job).repeat_at == began + WINDOW

    ledger.lose_messages()
    ledger.run_once(WINDOW - 11)
    assert ledger.messages() == 0
    ledger.run_once(1)
    assert ledger.take_message() == repeat.id
    deliver(ledger, request(ledger, repeat.id, NEW))

    record = ledger.get(job)
    assert (record.state, record.repeat_at) == (JobState.SUCCEEDED, None)
    assert [each.decision for each in record.attempts] == [Decision.SUCCEED, Decision.REPEAT]
    assert not record.attempts[1].counted
    assert ledger.state(repeat.id) is JobState.SUCCEEDED
    assert len(repeats(ledger)) == 1
    marks = ledger.store.keys.unsettled("default:bot")
    assert ledger.leftovers() == {marks}
    assert 0 < ledger.redis.ttl(marks) <= WINDOW + CLOCK_STEP


def test_producers_see_nothing_of_a_repeat(ledger: Ledger) -> None:
    ledger.register(None, webhooks=True)
    job = unsettle(ledger)
    (repeat,) = repeats(ledger)
    ledger.run_once(WINDOW)
    deliver(ledger, request(ledger, repeat.id, NEW))
    ended = [each.job_id for each in ledger.store.records.outcomes("0", 10, 0.01)]
    assert ended == [job, "old"]
    assert ledger.redis.zcard(ledger.store.keys.webhooks) == 2
    assert ledger.store.records.batch("spring").total == 1
    assert ledger.redis.xlen(ledger.store.keys.jobs) == 2
    assert ledger.redis.hget(ledger.store.keys.counts, "ended:delivered") == "1"
    assert ledger.redis.hget(ledger.store.keys.counts, "unsettled") == "0"


@pytest.mark.parametrize("how", ["answered", "same bytes", "off", "late"])
def test_nothing_is_repeated_without_need(ledger: Ledger, how: str) -> None:
    if how == "off":
        account = Registration("default", None, "key-1")
        ledger.store.pool.register(BreakerPolicy(), [account], unsettled_for=0)
    time_out(ledger, request(ledger, ledger.enqueue(), OLD), settled=how == "answered")
    ledger.now += WINDOW if how == "late" else 10
    image = OLD if how == "same bytes" else NEW
    deliver(ledger, request(ledger, ledger.enqueue(), image))
    assert repeats(ledger) == []


def test_mark_that_runs_out_during_the_request_is_repeated_at_once(ledger: Ledger) -> None:
    began = ledger.now
    time_out(ledger, request(ledger, ledger.enqueue(), OLD))
    ledger.now += WINDOW - 5
    lease = request(ledger, ledger.enqueue(), NEW)
    ledger.now += 20  # an answer that takes its time; the old upload may have come in between
    deliver(ledger, lease)
    (repeat,) = repeats(ledger)
    assert repeat.wait_until == began + WINDOW
    ledger.run_once()
    deliver(ledger, request(ledger, repeat.id, NEW))
    assert ledger.state(repeat.id) is JobState.SUCCEEDED


def test_a_job_that_was_never_sent_leaves_no_mark(ledger: Ledger) -> None:
    job = ledger.enqueue()
    time_out(ledger, ledger.acquire(job))
    deliver(ledger, request(ledger, ledger.enqueue(), NEW))
    assert repeats(ledger) == []


def test_delivered_image_that_was_sent_twice_may_still_arrive(ledger: Ledger) -> None:
    lease = request(ledger, ledger.enqueue(), OLD)
    deliver(ledger, lease, settled=False)
    deliver(ledger, request(ledger, ledger.enqueue(), NEW))
    assert len(repeats(ledger)) == 1


def test_upload_that_is_not_sent_again_may_still_arrive(ledger: Ledger) -> None:
    lease = request(ledger, ledger.enqueue(), OLD)
    newer = ledger.enqueue()
    again = ledger.store.acquire_permit(lease, LEASE, REQUEST, sha256=OLD, settled=False)
    assert isinstance(again, Waiting)
    deliver(ledger, request(ledger, newer, NEW))
    assert len(repeats(ledger)) == 1


@pytest.mark.parametrize("how", ["lost lease", "given back", "failed", "cancelled"])
def test_every_end_without_an_answer_leaves_a_mark(ledger: Ledger, how: str) -> None:
    old = ledger.enqueue()
    lease = request(ledger, old, OLD)
    match how:
        case "lost lease":
            ledger.run_once(LEASE)
        case "given back":
            ledger.store.release(lease)
        case "failed":
            ledger.fail(lease, OutcomeCode.RETRIES_EXHAUSTED, feedback(settled=False))
        case _:
            ledger.store.cancel(old)
            time_out(ledger, lease)
    deliver(ledger, request(ledger, ledger.enqueue(), NEW))
    assert len(repeats(ledger)) == 1


def test_newer_delivered_job_takes_over(ledger: Ledger) -> None:
    first = unsettle(ledger)
    ledger.now += 1
    deliver(ledger, request(ledger, ledger.enqueue(job_id="newest"), NEWEST))
    dropped, kept = repeats(ledger)
    assert (dropped.repeats, dropped.state) == (first, JobState.SUPERSEDED)
    assert (kept.repeats, kept.sha256) == ("newest", NEWEST)
    assert ledger.get(first).repeat_at is None


def test_newer_job_that_fails_leaves_the_repeat(ledger: Ledger) -> None:
    unsettle(ledger)
    ledger.fail(ledger.acquire(ledger.enqueue()))
    ledger.run_once(WINDOW)
    (repeat,) = repeats(ledger)
    deliver(ledger, request(ledger, repeat.id, NEW))
    assert ledger.state(repeat.id) is JobState.SUCCEEDED


def test_repeat_waits_again_if_a_newer_upload_got_no_answer(ledger: Ledger) -> None:
    job = unsettle(ledger)
    lease = request(ledger, ledger.enqueue(job_id="newest"), NEWEST)
    began = ledger.now
    ledger.fail(lease, OutcomeCode.RETRIES_EXHAUSTED, feedback(settled=False))
    ledger.run_once(WINDOW - 5)
    (repeat,) = repeats(ledger)
    deliver(ledger, request(ledger, repeat.id, NEW))
    assert ledger.get(repeat.id).wait_until == ledger.get(job).repeat_at == began + WINDOW
    ledger.run_once(WINDOW)
    deliver(ledger, request(ledger, repeat.id, NEW))
    assert ledger.state(repeat.id) is JobState.SUCCEEDED
    assert [each.number for each in ledger.get(job).attempts] == [1, 2, 3]


def test_repeat_without_an_answer_is_retried(ledger: Ledger) -> None:
    job = unsettle(ledger)
    ledger.run_once(WINDOW)
    (repeat,) = repeats(ledger)
    time_out(ledger, request(ledger, repeat.id, NEW), 1)
    ledger.run_once(1)
    request(ledger, repeat.id, NEW)
    ledger.run_once(LEASE)  # its worker was killed
    ledger.run_once()
    deliver(ledger, request(ledger, repeat.id, NEW))
    codes = [each.code for each in ledger.get(job).attempts]
    assert codes == ["delivered", "timeout", "worker_lost", "delivered"]
    assert ledger.state(repeat.id) is JobState.SUCCEEDED


@dataclass
class LateEndpoint:
    """Applies what got no answer at any moment of the window."""

    picture: str = ""
    late: list[tuple[float, str]] = field(default_factory=list)

    def apply(self, now: float) -> None:
        for at, image in sorted(each for each in self.late if each[0] <= now):
            self.picture = image
            self.late.remove((at, image))


@pytest.mark.parametrize("seed", range(12))
def test_newest_delivered_image_stands_in_the_end(simulated: Ledger, seed: int) -> None:
    rng, endpoint = random.Random(seed), LateEndpoint()
    ledger, newest, delivered, uploads = simulated, "", "", 0
    ledger.register(None)
    for step in range(400):
        ledger.now += rng.uniform(0, 8)
        if step < 60 and rng.random() < 0.3:
            image = f"{step:064x}"
            newest = ledger.enqueue(image=f"media:{image}.png")
        ledger.run_once()
        while ledger.messages():
            lease = ledger.lease(ledger.take_message())
            reply = ledger.store.acquire(lease, LEASE, "w")
            if not isinstance(reply, Acquired):
                continue
            image = str(reply.record.image)[6:-4]
            permit = ledger.store.acquire_permit(lease, LEASE, REQUEST, sha256=image)
            if not isinstance(permit, Permit):
                continue
            uploads += 1
            endpoint.apply(ledger.now)
            fate = rng.random()
            if fate < 0.4 and step < 100:
                endpoint.late.append((ledger.now + rng.uniform(0, WINDOW), image))
                if fate < 0.2:
                    time_out(ledger, lease, rng.uniform(0, 20))
                # else its worker was killed
            else:
                endpoint.picture = delivered = image
                deliver(ledger, lease)
    endpoint.apply(ledger.now)
    assert ledger.state(newest).is_terminal
    assert endpoint.picture == delivered
    assert uploads < 200
