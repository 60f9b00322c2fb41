"""How long ended jobs stay known, and that nothing else of them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import Decision, JobState, OutcomeCode
from facelift.ledger.pool import Retention
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

RETENTION = Retention(succeeded=100, failed=500, superseded=200, cancelled=300, expired=400)


def succeed(ledger: Ledger) -> str:
    job = ledger.enqueue()
    ledger.deliver(ledger.acquire_with_permit(job))
    return job


def fail(ledger: Ledger) -> str:
    job = ledger.enqueue()
    ledger.fail(ledger.acquire_with_permit(job))
    return job


def supersede(ledger: Ledger) -> str:
    old = ledger.enqueue()
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue()))
    return old


def cancel(ledger: Ledger) -> str:
    job = ledger.enqueue()
    ledger.store.cancel(job)
    return job


def expire(ledger: Ledger) -> str:
    job = ledger.enqueue(expires_at=ledger.now + 1)
    ledger.run_once(60)
    return job


def crash_loop(ledger: Ledger) -> str:
    job = ledger.enqueue()
    for _ in range(4):
        ledger.acquire(job)
        ledger.run_once(60)  # its lease is lost
        ledger.run_once(600)  # its time in quarantine is over
    return job


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (succeed, 100),
        (supersede, 200),
        (cancel, 300),
        (expire, 400),
        (fail, 500),
        (crash_loop, 500),
    ],
)
def test_ended_record_expires_by_its_state(
    ledger: Ledger, end: Callable[[Ledger], str], seconds: int
) -> None:
    ledger.register(None, retention=RETENTION)
    job = end(ledger)
    assert seconds - 10 < ledger.redis.ttl(ledger.store.keys.job(job)) <= seconds
    assert ledger.leftovers() == set()


def test_record_of_a_job_that_has_not_ended_never_expires(ledger: Ledger) -> None:
    waiting = ledger.enqueue("bot-1")
    ledger.retry_later(ledger.acquire_with_permit(waiting), delay=1000)
    running = ledger.enqueue("bot-2")
    ledger.acquire(running)
    for job in (waiting, running, ledger.enqueue("bot-3")):
        assert ledger.redis.ttl(ledger.store.keys.job(job)) == -1


def test_a_delivered_job_keeps_few_bytes(real_redis: Redis) -> None:
    # A value of more than 64 bytes makes Redis keep the whole record three times as large.
    ledger = Ledger(real_redis)
    lease = ledger.acquire_with_permit(ledger.enqueue("5QHA6VB-DIAbBhxwqxfdi"))
    attempt = ledger.attempt(OutcomeCode.DELIVERED, 200, Decision.SUCCEED)
    said = "Delivered: Chatbot Profile Picture uploaded successfully."
    ledger.store.complete(lease, JobState.SUCCEEDED, OutcomeCode.DELIVERED, said, attempt)
    key = ledger.store.keys.job(lease.job_id)
    assert ledger.redis.object("encoding", key) in {"listpack", "ziplist"}
    assert ledger.redis.memory_usage(key) <= 700


@pytest.mark.parametrize("pause", [None, "account", "everything", "endpoint"])
def test_a_job_that_waits_for_its_account_keeps_few_bytes(
    real_redis: Redis, pause: str | None
) -> None:
    ledger = Ledger(real_redis)
    ledger.register(None)
    if pause == "endpoint":
        for lease in [ledger.acquire_with_permit(ledger.enqueue(f"bot-{n}")) for n in range(5)]:
            ledger.now += 2
            sentence = "It broke: " + "x" * 60
            ledger.store.pool.report_failure(lease, OutcomeCode.DNS_FAILED, sentence)
    elif pause:
        name = "default" if pause == "account" else None
        ledger.store.pool.pause(name, by="ana", reason="x" * 100, until=None)
    jobs = [ledger.enqueue(f"5QHA6VB-DIAbBhxwqx{number}") for number in range(30)]
    key = ledger.store.keys.job(jobs[-1])
    assert ledger.state(jobs[-1]) is JobState.WAITING
    assert ledger.redis.object("encoding", key) in {"listpack", "ziplist"}
