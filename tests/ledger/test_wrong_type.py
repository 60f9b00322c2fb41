"""Something else under a key of ours: told by its name, nothing half done, nothing lost."""

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

SINGLE = ["schedule", "generation", "chatbot_queue", "chatbot_lock", "webhooks"]


@contextmanager
def something_else_under(ledger: Ledger, key: str) -> Iterator[None]:
    """For a while, a value of a type that none of our keys has."""
    kept = ledger.redis.exists(key) and ledger.redis.rename(key, "kept")
    ledger.redis.sadd(key, "not ours")
    yield
    ledger.redis.delete(key)
    if kept:
        ledger.redis.rename("kept", key)


def key_of(keys: Keys, name: str) -> str:
    key = getattr(keys, name)
    return str(key if isinstance(key, str) else key("bot"))


def refused(ledger: Ledger, key: str, act: Callable[[], object]) -> None:
    """`act` is refused by the name of the key, and changes nothing."""
    before = {each: ledger.redis.dump(each) for each in ledger.redis.keys("*")}
    with pytest.raises(LedgerRefused, match="WRONGTYPE") as caught:
        act()
    assert f"{key} holds a set" in str(caught.value)
    assert {each: ledger.redis.dump(each) for each in ledger.redis.keys("*")} == before


@pytest.mark.parametrize("name", SINGLE)
def test_enqueue_is_refused_and_can_be_repeated(ledger: Ledger, name: str) -> None:
    key = key_of(ledger.store.keys, name)
    with something_else_under(ledger, key):
        refused(ledger, key, lambda: ledger.enqueue(job_id="mine"))
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue(job_id="mine")))
    assert ledger.leftovers() == set()


@pytest.mark.parametrize("name", SINGLE)
def test_claim_is_refused_and_can_be_repeated(ledger: Ledger, name: str) -> None:
    job = ledger.enqueue()
    key = key_of(ledger.store.keys, name)
    with something_else_under(ledger, key):
        refused(ledger, key, lambda: ledger.store.acquire(Lease(job, "t"), LEASE, "w"))
    ledger.deliver(ledger.acquire_with_permit(job))
    assert ledger.leftovers() == set()


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("end", ["deliver", "fail", "retry_later"])
def test_outcome_is_refused_and_can_be_repeated(ledger: Ledger, name: str, end: str) -> None:
    lease = ledger.acquire_with_permit(ledger.enqueue())
    key = key_of(ledger.store.keys, name)
    with something_else_under(ledger, key):
        refused(ledger, key, lambda: getattr(ledger, end)(lease))
    assert getattr(ledger, end)(lease)


@pytest.mark.parametrize("name", ["schedule", "chatbot_queue", "chatbot_lock"])
def test_refusal_of_what_can_be_no_job_is_refused_as_a_whole(ledger: Ledger, name: str) -> None:
    key = key_of(ledger.store.keys, name)

    def refuse() -> bool:
        stored = {"chatbot_id": "bot"}
        return ledger.store.refuse("bad", OutcomeCode.INVALID_JOB, "No image.", stored)

    with something_else_under(ledger, key):
        refused(ledger, key, refuse)
    assert refuse()


def test_job_whose_record_is_none_does_not_keep_others_from_being_looked_at(
    ledger: Ledger,
) -> None:
    jobs = [ledger.enqueue(f"bot-{n}") for n in range(3)]
    for job in jobs:
        ledger.retry_later(ledger.acquire_with_permit(job), delay=5)
    key = ledger.store.keys.job(jobs[0])
    with something_else_under(ledger, key):
        with pytest.raises(LedgerRefused, match="holds a set"):
            ledger.run_once(10)
        assert [ledger.state(job) for job in jobs[1:]] == ["queued", "queued"]
        ledger.run_once()
    ledger.run_once(10)
    assert ledger.state(jobs[0]) == "queued"


def test_lease_whose_record_is_none_is_lost_and_the_others_are_kept(ledger: Ledger) -> None:
    leases = [ledger.acquire(ledger.enqueue(f"bot-{n}")) for n in range(3)]
    with something_else_under(ledger, ledger.store.keys.job(leases[1].job_id)):
        assert ledger.store.renew(leases, LEASE) == [leases[1]]


def test_job_is_sent_again_once_the_queue_is_one(ledger: Ledger) -> None:
    queue = ledger.store.keys.queue
    ledger.redis.sadd(queue, "not ours")
    with pytest.raises(LedgerRefused, match="holds a set, not a list"):
        ledger.enqueue(job_id="mine")
    ledger.redis.delete(queue)
    ledger.enqueue(job_id="mine")
    ledger.run_once(20)
    assert ledger.messages() == 1
    assert ledger.state("mine") == "queued"
