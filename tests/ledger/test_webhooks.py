"""Every job that ended has one webhook, sent again only if it may not have arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from tests.ledger.driver import LEASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.webhooks import DueWebhook
    from tests.ledger.driver import Ledger

TRY = 20.0


def take(ledger: Ledger, limit: int = 10) -> list[DueWebhook]:
    return ledger.store.webhooks.acquire(limit, TRY)


def due(ledger: Ledger) -> dict[str, str]:
    """The states that the due webhooks report, by job."""
    return {each.job_id: str(each.record and each.record.state) for each in take(ledger)}


def ended(ledger: Ledger, chatbot: str = "ann") -> str:
    """A job that has just been delivered."""
    job = ledger.enqueue(chatbot)
    ledger.deliver(ledger.acquire_with_permit(job))
    return job


@pytest.fixture
def wanted(ledger: Ledger) -> Ledger:
    """A ledger whose workers send webhooks."""
    ledger.register(None, webhooks=True)
    return ledger


# In the step in which a job ends


def lose_workers(ledger: Ledger, job: str) -> None:
    for _ in range(4):
        ledger.acquire(job)
        ledger.run_once(LEASE + 1)
        ledger.run_once(600)


def refuse(ledger: Ledger, job: str) -> None:
    ledger.redis.delete(ledger.store.keys.job(job))
    ledger.store.refuse(job, OutcomeCode.INVALID_JOB, "No image.", {"chatbot_id": "ann"})


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda ledger, job: ledger.deliver(ledger.acquire_with_permit(job)), "succeeded"),
        (lambda ledger, job: ledger.fail(ledger.acquire_with_permit(job)), "failed"),
        (lambda ledger, job: ledger.store.cancel(job), "cancelled"),
        (lambda ledger, _: ledger.run_once(100_000), "expired"),
        (lose_workers, "failed"),
        (refuse, "failed"),
    ],
    ids=["delivered", "failed", "cancelled by its producer", "expired", "crash loop", "refused"],
)
def test_a_job_that_ends_has_a_webhook(
    wanted: Ledger, end: Callable[[Ledger, str], object], state: str
) -> None:
    job = wanted.enqueue("ann")
    assert take(wanted) == []
    end(wanted, job)
    assert due(wanted) == {job: state}


def test_a_superseded_job_has_a_webhook_too(wanted: Ledger) -> None:
    older, newer = wanted.enqueue("ann"), wanted.enqueue("ann")
    wanted.deliver(wanted.acquire_with_permit(newer))
    assert due(wanted) == {older: "superseded", newer: "succeeded"}


def test_without_webhooks_nothing_of_them_is_in_redis(ledger: Ledger) -> None:
    ledger.register(None)
    job = ended(ledger)
    assert take(ledger) == []
    stored = {key: ledger.redis.type(key) for key in ledger.redis.keys("*")}
    assert not [key for key in stored if "webhook" in key]
    hashes = [ledger.redis.hgetall(key) for key, kind in stored.items() if kind == "hash"]
    assert not [field for each in hashes for field in each if "webhook" in field]
    assert ledger.get(job).outcome == "delivered"


def test_pending_webhooks_stay_when_webhooks_are_switched_off(
    wanted: Ledger,
) -> None:
    before = ended(wanted)
    wanted.register(None, webhooks=False)
    ended(wanted, "bob")
    assert list(due(wanted)) == [before]


# Until it is delivered


def test_a_delivered_webhook_leaves_nothing(wanted: Ledger) -> None:
    job = ended(wanted)
    (webhook,) = take(wanted)
    wanted.store.webhooks.complete(webhook)
    wanted.now += 100_000
    assert take(wanted) == []
    assert wanted.leftovers() == set()
    assert "webhook_attempts" not in wanted.redis.hgetall(wanted.store.keys.job(job))


def test_a_webhook_whose_worker_is_lost_is_due_again(wanted: Ledger) -> None:
    ended(wanted)
    (first,) = take(wanted)
    assert take(wanted) == []
    wanted.now += TRY
    (second,) = take(wanted)
    assert (first.attempts, second.attempts) == (1, 2)
    assert second.record == first.record
    assert second.at == first.at + TRY


def test_a_webhook_to_retry_is_due_after_its_delay(wanted: Ledger) -> None:
    ended(wanted)
    (webhook,) = take(wanted)
    assert wanted.store.webhooks.retry_later(webhook, 3600)
    wanted.now += 3599
    assert take(wanted) == []
    wanted.now += 1
    assert [each.attempts for each in take(wanted)] == [2]


def test_a_frozen_worker_does_not_delay_anothers_attempt(wanted: Ledger) -> None:
    ended(wanted)
    (first,) = take(wanted)
    wanted.now += TRY
    (second,) = take(wanted)
    assert not wanted.store.webhooks.retry_later(first, 3600)
    wanted.now += TRY
    assert len(take(wanted)) == 1
    wanted.store.webhooks.complete(second)
    assert not wanted.store.webhooks.retry_later(second, 1)
    wanted.now += 3600
    assert take(wanted) == []


def test_what_an_operator_forgets_stays_forgotten(wanted: Ledger) -> None:
    ended(wanted)
    (webhook,) = take(wanted)
    wanted.redis.delete(wanted.store.keys.webhooks)
    wanted.store.webhooks.retry_later(webhook, 1)
    wanted.now += 3600
    assert take(wanted) == []


def test_the_longest_overdue_come_first_up_to_the_limit(wanted: Ledger) -> None:
    jobs = []
    for chatbot in ("ann", "bob", "cid"):
        jobs.append(ended(wanted, chatbot))
        wanted.now += 1
    assert [each.job_id for each in take(wanted, 2)] == jobs[:2]
    assert [each.job_id for each in take(wanted, 2)] == jobs[2:]


@pytest.mark.parametrize("kind", ["expired", "something else"])
def test_a_webhook_whose_record_is_gone_is_returned_once(wanted: Ledger, kind: str) -> None:
    gone, other = ended(wanted), ended(wanted, "bob")
    wanted.redis.delete(wanted.store.keys.job(gone))
    if kind == "something else":
        wanted.redis.set(wanted.store.keys.job(gone), "not ours")
    found = {each.job_id: (each.attempts, each.record is None) for each in take(wanted)}
    assert found == {gone: (0, True), other: (1, False)}
    wanted.now += TRY
    assert list(due(wanted)) == [other]


def test_a_new_job_with_the_id_of_an_expired_one_has_no_webhook(wanted: Ledger) -> None:
    job = ended(wanted)
    wanted.redis.delete(wanted.store.keys.job(job))
    wanted.enqueue("ann", job_id=job)
    assert [(each.attempts, each.record) for each in take(wanted)] == [(0, None)]
    wanted.deliver(wanted.acquire_with_permit(job))
    assert due(wanted) == {job: "succeeded"}


def test_a_record_of_an_unknown_schema_is_left_for_later(wanted: Ledger) -> None:
    job = ended(wanted)
    wanted.redis.hset(wanted.store.keys.job(job), "version", "99")
    (webhook,) = take(wanted)
    assert (webhook.attempts, webhook.record) == (1, None)
    wanted.redis.hset(wanted.store.keys.job(job), "version", "1")
    wanted.now += TRY
    assert due(wanted) == {job: "succeeded"}


def test_the_snapshot_counts_pending_webhooks(wanted: Ledger) -> None:
    assert wanted.store.pool.snapshot().webhooks == 0
    ended(wanted)
    ended(wanted, "bob")
    assert wanted.store.pool.snapshot().webhooks == 2
    wanted.store.webhooks.complete(take(wanted)[0])
    assert wanted.store.pool.snapshot().webhooks == 1
