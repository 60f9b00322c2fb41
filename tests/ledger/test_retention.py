"""How long ended jobs stay known, and that nothing else of them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.scripts import Retention
from tasks.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ledger.driver import Ledger

RETENTION = Retention(succeeded=100, failed=500, superseded=200, cancelled=300, expired=400)


def succeed(ledger: Ledger) -> str:
    job = ledger.enqueue()
    ledger.deliver(ledger.claim_and_admit(job))
    return job


def fail(ledger: Ledger) -> str:
    job = ledger.enqueue()
    ledger.fail(ledger.claim_and_admit(job))
    return job


def supersede(ledger: Ledger) -> str:
    old = ledger.enqueue()
    ledger.deliver(ledger.claim_and_admit(ledger.enqueue()))
    return old


def cancel(ledger: Ledger) -> str:
    job = ledger.enqueue()
    ledger.store.cancel(job)
    return job


def expire(ledger: Ledger) -> str:
    job = ledger.enqueue(expires_at=ledger.now + 1)
    ledger.tick(60)
    return job


def crash_loop(ledger: Ledger) -> str:
    job = ledger.enqueue()
    for _ in range(3):
        ledger.claim(job)
        ledger.tick(60)
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
    ledger.store = JobStore(ledger.redis, retention=RETENTION, now=lambda: ledger.now)
    job = end(ledger)
    assert seconds - 10 < ledger.redis.ttl(ledger.store.keys.job(job)) <= seconds
    assert ledger.leftovers() == set()


def test_record_of_a_job_that_has_not_ended_never_expires(ledger: Ledger) -> None:
    waiting = ledger.enqueue("bot-1")
    ledger.postpone(ledger.claim_and_admit(waiting), delay=1000)
    running = ledger.enqueue("bot-2")
    ledger.claim(running)
    for job in (waiting, running, ledger.enqueue("bot-3")):
        assert ledger.redis.ttl(ledger.store.keys.job(job)) == -1
