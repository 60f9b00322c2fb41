"""Another program's value under a key of ours: nothing is half done, no job is lost.

The scripts do not ask for types: Redis refuses a command on a key of the wrong type, and each
script reads the keys it will write before it writes any. `test_key_types.py` shows how the key
is found.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from facelift.errors import LedgerRefused
from facelift.ledger.replies import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.ledger.keys import Keys
    from tests.ledger.driver import Ledger

LEASE = 15.0

WRITTEN = ["schedule", "counts", "chatbot_queue", "chatbot_lock", "account_queue", "rate_window"]
"""Keys that an enqueue, and the end of an attempt, read before they write."""


@contextmanager
def something_else_under(ledger: Ledger, key: str) -> Iterator[None]:
    """For a while, a value of a type that none of these keys has."""
    kept = ledger.redis.exists(key) and ledger.redis.rename(key, "kept")
    ledger.redis.sadd(key, "not ours")
    yield
    ledger.redis.delete(key)
    if kept:
        ledger.redis.rename("kept", key)


def key_of(keys: Keys, name: str) -> str:
    key = getattr(keys, name)
    member = "default" if name in {"account_queue", "rate_window"} else "default:bot"
    return str(key if isinstance(key, str) else key(member))


def refused(ledger: Ledger, act: Callable[[], object]) -> None:
    """`act` is refused, and changes nothing."""
    before = {each: ledger.redis.dump(each) for each in ledger.redis.keys("*")}
    with pytest.raises(LedgerRefused, match="WRONGTYPE"):
        act()
    assert {each: ledger.redis.dump(each) for each in ledger.redis.keys("*")} == before


@pytest.mark.parametrize("name", [*WRITTEN, "generation"])
def test_enqueue_is_refused_and_can_be_repeated(ledger: Ledger, name: str) -> None:
    with something_else_under(ledger, key_of(ledger.store.keys, name)):
        refused(ledger, lambda: ledger.enqueue(job_id="mine"))
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue(job_id="mine")))
    assert ledger.leftovers() == set()


@pytest.mark.parametrize("name", ["schedule", "chatbot_queue", "chatbot_lock", "rate_window"])
def test_acquire_is_refused_and_can_be_repeated(ledger: Ledger, name: str) -> None:
    job = ledger.enqueue()
    with something_else_under(ledger, key_of(ledger.store.keys, name)):
        refused(ledger, lambda: ledger.store.acquire(Lease(job, "t"), LEASE, "w"))
    ledger.deliver(ledger.acquire_with_permit(job))
    assert ledger.leftovers() == set()


@pytest.mark.parametrize("name", ["generation", "webhooks"])
def test_acquire_needs_no_key_that_it_does_not_use(ledger: Ledger, name: str) -> None:
    job = ledger.enqueue()
    with something_else_under(ledger, key_of(ledger.store.keys, name)):
        ledger.acquire(job)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("end", ["deliver", "fail", "retry_later"])
def test_outcome_is_refused_and_can_be_repeated(ledger: Ledger, name: str, end: str) -> None:
    lease = ledger.acquire_with_permit(ledger.enqueue())
    with something_else_under(ledger, key_of(ledger.store.keys, name)):
        refused(ledger, lambda: getattr(ledger, end)(lease))
    assert getattr(ledger, end)(lease)
    assert len(ledger.get(lease.job_id).attempts) == 1


@pytest.mark.parametrize("name", ["schedule", "chatbot_queue", "chatbot_lock"])
def test_recording_a_refused_job_is_all_or_nothing(ledger: Ledger, name: str) -> None:
    def refuse() -> bool:
        stored = {"chatbot_id": "bot"}
        return ledger.store.refuse("bad", OutcomeCode.INVALID_JOB, "No image.", stored)

    with something_else_under(ledger, key_of(ledger.store.keys, name)):
        refused(ledger, refuse)
    assert refuse()


@pytest.mark.parametrize("name", ["outcomes", "webhooks"])
@pytest.mark.parametrize("end", ["deliver", "fail"])
def test_outcome_that_cannot_be_announced_is_refused(ledger: Ledger, name: str, end: str) -> None:
    lease = ledger.acquire_with_permit(ledger.enqueue())
    with something_else_under(ledger, key_of(ledger.store.keys, name)):
        refused(ledger, lambda: getattr(ledger, end)(lease))
    assert getattr(ledger, end)(lease)


def test_job_whose_record_is_none_does_not_keep_others_from_their_schedule(
    ledger: Ledger,
) -> None:
    jobs = [ledger.enqueue(f"bot-{n}") for n in range(3)]
    for job in jobs:
        ledger.retry_later(ledger.acquire_with_permit(job), delay=5)
    key = ledger.store.keys.job(jobs[0])
    with something_else_under(ledger, key):
        with pytest.raises(LedgerRefused, match="WRONGTYPE"):
            ledger.run_once(10)
        assert [ledger.state(job) for job in jobs[1:]] == ["queued", "queued"]
        ledger.run_once()
    ledger.run_once(10)
    assert ledger.state(jobs[0]) == "queued"


def test_job_whose_record_is_none_does_not_keep_its_account_from_sending(ledger: Ledger) -> None:
    ledger.store.pool.pause("default", by="ana", reason="", until=None)
    jobs = [ledger.enqueue(f"bot-{n}") for n in range(12)]
    waiting = [job for job in jobs if ledger.state(job) == "waiting"]
    with something_else_under(ledger, ledger.store.keys.job(waiting[0])):
        ledger.store.pool.resume("default", by="ana")
        ledger.run_once()
        assert {ledger.state(job) for job in waiting[1:]} == {"queued"}
    ledger.run_once(10)
    assert ledger.state(waiting[0]) == "queued"


def test_older_job_whose_record_is_none_does_not_keep_a_newer_one_out(ledger: Ledger) -> None:
    older = ledger.enqueue()
    with something_else_under(ledger, ledger.store.keys.job(older)):
        newer = ledger.enqueue()
        assert ledger.state(newer) == "queued"


def test_lease_whose_record_is_none_is_lost_and_the_others_are_kept(ledger: Ledger) -> None:
    leases = [ledger.acquire(ledger.enqueue(f"bot-{n}")) for n in range(3)]
    with something_else_under(ledger, ledger.store.keys.job(leases[1].job_id)):
        assert ledger.store.renew(leases, LEASE) == [leases[1]]


def test_job_is_sent_again_once_the_queue_is_a_list(ledger: Ledger) -> None:
    queue = ledger.store.keys.queue
    ledger.redis.sadd(queue, "not ours")
    with pytest.raises(LedgerRefused, match="WRONGTYPE"):
        ledger.enqueue(job_id="mine")
    ledger.redis.delete(queue)
    ledger.enqueue(job_id="mine")
    ledger.run_once(20)
    assert ledger.messages() == 1
    assert ledger.state("mine") == "queued"
