"""What can be seen of the jobs without reading every record: counts, index, outcomes, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from facelift.asset import Action, Asset
from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.queries import JobFilter
from facelift.units import Rate

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

ANY = JobFilter()


def found(ledger: Ledger, wanted: JobFilter = ANY, limit: int = 50) -> list[str]:
    return [record.id for record in ledger.store.records.find(wanted, limit, None).records]


def test_jobs_are_found_those_enqueued_last_first(ledger: Ledger) -> None:
    jobs = [ledger.enqueue(f"bot-{number}") for number in range(3)]
    assert found(ledger) == jobs[::-1]


def test_pages_hold_every_job_once(ledger: Ledger) -> None:
    jobs = [ledger.enqueue(f"bot-{number}") for number in range(7)]
    seen, cursor = list[str](), None
    for size in (3, 3, 3):
        page = ledger.store.records.find(ANY, size, cursor)
        seen += [record.id for record in page.records]
        cursor = page.cursor
    assert cursor is None
    assert seen == jobs[::-1]


def test_jobs_are_found_by_what_is_known_of_them(ledger: Ledger) -> None:
    refused = ledger.enqueue("ann", account="acme-eu")
    ledger.fail(ledger.acquire_with_permit(refused))
    ledger.now += 10
    queued = ledger.enqueue("bob")
    assert found(ledger, JobFilter(state=JobState.FAILED)) == [refused]
    assert found(ledger, JobFilter(state=JobState.QUEUED)) == [queued]
    assert found(ledger, JobFilter(account="acme_eu")) == [refused]
    assert found(ledger, JobFilter(chatbot_id="bob")) == [queued]
    assert found(ledger, JobFilter(code=OutcomeCode.CHATBOT_NOT_FOUND)) == [refused]
    assert found(ledger, JobFilter(since=ledger.now)) == [queued]
    assert found(ledger, JobFilter(before=ledger.now)) == [refused]
    assert found(ledger, JobFilter(chatbot_id="bob", state=JobState.FAILED)) == []


def test_jobs_are_found_by_their_asset_and_by_their_action(ledger: Ledger) -> None:
    picture = ledger.enqueue("ann")
    icon = ledger.enqueue("bob", asset="icon")
    removal = ledger.enqueue("bob", None, action="remove")
    assert found(ledger, JobFilter(asset=Asset.PROFILE_PICTURE)) == [removal, picture]
    assert found(ledger, JobFilter(asset=Asset.ICON)) == [icon]
    assert found(ledger, JobFilter(action=Action.SET)) == [icon, picture]
    assert found(ledger, JobFilter(action=Action.REMOVE, chatbot_id="bob")) == [removal]
    assert found(ledger, JobFilter(asset=Asset.ICON, action=Action.REMOVE)) == []


def test_jobs_that_match_are_found_behind_many_that_do_not(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facelift.ledger.records._ENTRIES_A_CALL", 10)
    first = ledger.enqueue("ann")
    for number in range(25):  # more than one call looks at
        ledger.store.cancel(ledger.enqueue("bob", job_id=f"other-{number}"))
    assert found(ledger, JobFilter(chatbot_id="ann")) == [first]


def pages(ledger: Ledger, wanted: JobFilter, size: int) -> list[str]:
    """The jobs of all pages; each record is deleted, and pruned, once its page was read."""
    seen, cursor = list[str](), None
    while True:
        page = ledger.store.records.find(wanted, size, cursor)
        for record in page.records:
            seen.append(record.id)
            ledger.redis.delete(ledger.store.keys.job(record.id))
        ledger.store.prune(None, 1_000)
        cursor = page.cursor
        if cursor is None:
            return seen


def test_pages_of_a_chatbot_hold_every_job_once_also_if_earlier_ones_expire(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facelift.ledger.records._ENTRIES_A_CALL", 2)
    jobs = list[str]()
    for number in range(7):
        jobs.append(ledger.enqueue("ann", account="acme" if number % 2 else "default"))
        ledger.enqueue("bob")
    assert pages(ledger, JobFilter(chatbot_id="ann"), 3) == jobs[::-1]
    assert found(ledger, JobFilter(chatbot_id="ann")) == []
    assert len(found(ledger, JobFilter(chatbot_id="bob"))) == 7


def test_a_chatbot_is_found_among_those_whose_hash_is_the_same(ledger: Ledger) -> None:
    first, second = "bot-axjgjz", "bot-ziieqj"
    jobs = [ledger.enqueue(chatbot) for chatbot in (first, second, first)]
    assert found(ledger, JobFilter(chatbot_id=first)) == [jobs[2], jobs[0]]
    assert found(ledger, JobFilter(chatbot_id=second)) == [jobs[1]]


def test_jobs_of_a_chatbot_are_found_without_reading_those_of_others(simulated: Ledger) -> None:
    simulated.enqueue("ann")
    for number in range(300):
        simulated.store.cancel(simulated.enqueue(f"bot-{number}"))
    simulated.redis.config_resetstat()
    found(simulated, JobFilter(chatbot_id="ann"))
    commands = simulated.redis.info("commandstats")
    assert "cmdstat_xrevrange" not in commands
    assert commands["cmdstat_xrange"]["calls"] == 1


def test_a_job_whose_record_expired_is_pruned_from_the_index(ledger: Ledger) -> None:
    gone, kept = ledger.enqueue("ann"), ledger.enqueue("bob")
    ledger.redis.delete(ledger.store.keys.job(gone))
    assert found(ledger) == [kept]
    assert ledger.redis.xlen(ledger.store.keys.jobs) == 2
    cursor = ledger.store.prune(None, 1)
    assert cursor is not None
    assert ledger.store.prune(cursor, 5) is None
    assert ledger.redis.xlen(ledger.store.keys.jobs) == 1
    assert found(ledger) == [kept]
    indexes = ledger.redis.keys(ledger.store.keys.chatbot_jobs("*"))
    assert sum(ledger.redis.zcard(index) for index in indexes) == 1


def test_outcome_carries_what_a_producer_finds_its_own_by(ledger: Ledger) -> None:
    mine: dict[str, Any] = {"metadata": {"user_id": "42"}, "batch": "b", "idempotency_key": "k"}
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue("ann", **mine)))
    ledger.store.cancel(ledger.enqueue("bob"))
    told, bare = ledger.store.records.outcomes("0", 10, 0.01)
    assert (told.metadata, told.batch, told.idempotency_key) == tuple(mine.values())
    assert told.message == ledger.get(told.job_id).message
    assert (bare.metadata, bare.batch, bare.idempotency_key) == (None, None, None)


def test_outcomes_are_published_as_jobs_end(ledger: Ledger) -> None:
    delivered = ledger.enqueue("ann", account="acme-eu")
    ledger.deliver(ledger.acquire_with_permit(delivered))
    cancelled = ledger.enqueue("bob")
    ledger.now += 5
    ledger.store.cancel(cancelled)
    first, second = ledger.store.records.outcomes("0", 10, 0.01)
    assert (first.job_id, first.state, first.outcome) == (delivered, "succeeded", "delivered")
    assert (first.chatbot_id, first.account) == ("ann", "acme-eu")
    assert (second.job_id, second.outcome) == (cancelled, "cancelled")
    assert second.finished_at - second.created_at == pytest.approx(5)
    assert ledger.store.records.outcomes(first.entry, 10, 0.01) == [second]
    assert ledger.store.records.outcomes(second.entry, 10, 0.01) == []


def test_superseded_job_is_published_too(ledger: Ledger) -> None:
    older, newer = ledger.enqueue("ann"), ledger.enqueue("ann")
    ledger.deliver(ledger.acquire_with_permit(newer))
    published = {each.job_id: each.state for each in ledger.store.records.outcomes("0", 10, 0.01)}
    assert published == {older: "superseded", newer: "succeeded"}


def test_each_change_of_a_job_is_published_on_its_channel(ledger: Ledger) -> None:
    job = ledger.enqueue("ann")
    with ledger.redis.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(ledger.store.keys.changes(job))
        channel.get_message(timeout=1)
        ledger.retry_later(ledger.acquire_with_permit(job), 5)
        ledger.run_once(6)
        ledger.deliver(ledger.acquire_with_permit(job))
        published = [channel.get_message(timeout=1)["data"] for _ in range(5)]
    assert published == ["running", "waiting", "queued", "running", "succeeded"]


def test_the_pool_counts_what_runs_and_what_waits_by_reason(ledger: Ledger) -> None:
    ledger.register(Rate(1, 10))
    ledger.register(None, "other", key="key-2")
    ledger.acquire_with_permit(ledger.enqueue("running"))
    for number in range(12):  # the first few are looked at before their turn
        ledger.enqueue(f"bot-{number}")
    ledger.enqueue("later", not_before=ledger.now + 60)
    failed = ledger.enqueue("elsewhere", account="other")
    ledger.retry_later(ledger.acquire_with_permit(failed))
    ledger.enqueue("running")
    pool = ledger.store.pool.snapshot()
    assert pool.running == 1
    assert pool.waiting == {
        WaitReason.SCHEDULED: 1,
        WaitReason.RETRY: 1,
        WaitReason.CHATBOT_BUSY: 1,
        WaitReason.RATE_LIMITED: 1,
        WaitReason.BACKLOG: 4,
    }
    ledger.store.pool.pause("default", by="ana", reason="", until=None)
    assert ledger.store.pool.snapshot().waiting[WaitReason.ACCOUNT_PAUSED] == 5


def test_the_oldest_job_is_the_one_that_only_waits_for_its_turn(ledger: Ledger) -> None:
    assert ledger.store.pool.snapshot().oldest_at is None
    ledger.register(Rate(1, 10))
    ledger.enqueue("later", not_before=ledger.now + 60)
    ledger.now += 1
    begun = ledger.now
    for number in range(12):
        ledger.enqueue(f"bot-{number}")
        ledger.now += 1
    assert ledger.store.pool.snapshot().oldest_at == begun
    ledger.lose_messages()
    assert ledger.store.pool.snapshot().oldest_at == begun + 8  # the first in the account's queue


def test_every_end_is_counted_for_ever_by_its_outcome(ledger: Ledger) -> None:
    ledger.retry_later(ledger.acquire_with_permit(ledger.enqueue("ann")))
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue("ann")))
    ledger.store.cancel(ledger.enqueue("bob"))
    ledger.fail(ledger.acquire_with_permit(ledger.enqueue("cid")))
    ledger.store.refuse("bad", OutcomeCode.INVALID_JOB, "No image.", {"chatbot_id": "dan"})
    ledger.enqueue("eve", expires_at=ledger.now + 5)
    ledger.run_once(10)
    assert ledger.store.pool.snapshot().ended == {
        OutcomeCode.DELIVERED: 1,
        OutcomeCode.SUPERSEDED: 1,
        OutcomeCode.CANCELLED: 1,
        OutcomeCode.CHATBOT_NOT_FOUND: 1,
        OutcomeCode.INVALID_JOB: 1,
        OutcomeCode.EXPIRED: 1,
    }
