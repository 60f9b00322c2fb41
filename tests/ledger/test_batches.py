"""A batch is in step with its jobs, whatever becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from facelift.errors import BatchNotFound, LedgerRefused
from facelift.queries import JobFilter

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

DAY = 86_400


def counts(ledger: Ledger, batch: str = "logos") -> dict[str, int]:
    return {str(state): n for state, n in ledger.store.records.batch(batch).states.items()}


def ttl(ledger: Ledger, batch: str = "logos") -> int:
    return int(ledger.redis.ttl(ledger.store.keys.batch(batch)))


def test_a_batch_counts_its_jobs_by_state(ledger: Ledger) -> None:
    begun = ledger.now
    jobs = [ledger.enqueue(f"bot-{number}", batch="logos") for number in range(4)]
    ledger.enqueue("bot-9", batch="other")
    ledger.enqueue("bot-10")
    ledger.now += 5
    ledger.deliver(ledger.acquire_with_permit(jobs[0]))
    ledger.fail(ledger.acquire_with_permit(jobs[1]))
    ledger.acquire_with_permit(jobs[2])
    status = ledger.store.records.batch("logos")
    assert (status.id, status.total, status.pending, status.is_complete) == ("logos", 4, 2, False)
    assert status.states == {"queued": 1, "running": 1, "succeeded": 1, "failed": 1}
    assert status.codes == {"delivered": 1, "chatbot_not_found": 1}
    assert (status.created_at, status.finished_at) == (begun, None)
    assert counts(ledger, "other") == {"queued": 1}


def test_a_batch_is_complete_when_its_last_job_has_ended(ledger: Ledger) -> None:
    first, last = (ledger.enqueue(f"bot-{number}", batch="logos") for number in range(2))
    ledger.deliver(ledger.acquire_with_permit(first))
    ledger.now += 7
    ledger.store.cancel(last)
    status = ledger.store.records.batch("logos")
    assert (status.is_complete, status.finished_at) == (True, ledger.now)
    assert status.as_dict() == {
        "id": "logos",
        "total": 2,
        "pending": 0,
        "is_complete": True,
        "states": {"succeeded": 1, "cancelled": 1},
        "codes": {"cancelled": 1, "delivered": 1},
        "created_at": ledger.now - 7,
        "finished_at": ledger.now,
    }


def test_a_superseded_image_has_ended(ledger: Ledger) -> None:
    ledger.enqueue("bot", batch="logos")
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue("bot")))
    assert ledger.store.records.batch("logos").is_complete
    assert counts(ledger) == {"superseded": 1}


def test_a_job_enqueued_again_counts_once(ledger: Ledger) -> None:
    job = ledger.enqueue(batch="logos", idempotency_key="key")
    ledger.enqueue(batch="logos", job_id=job, idempotency_key="key")
    ledger.enqueue(batch="logos", idempotency_key="key")
    ledger.deliver(ledger.acquire_with_permit(job))
    ledger.enqueue(batch="logos", job_id=job, idempotency_key="key")
    assert ledger.store.records.batch("logos").total == 1
    assert counts(ledger) == {"succeeded": 1}


def test_a_job_stays_in_the_batch_in_which_it_was_enqueued_first(ledger: Ledger) -> None:
    job = ledger.enqueue(batch="logos")
    ledger.enqueue(batch="other", job_id=job)
    assert ledger.get(job).batch == "logos"
    with pytest.raises(BatchNotFound, match="no batch 'other'"):
        ledger.store.records.batch("other")


def test_a_retry_changes_only_the_count_by_state(ledger: Ledger) -> None:
    job = ledger.enqueue(batch="logos")
    for _ in range(2):
        ledger.retry_later(ledger.acquire_with_permit(job))
        assert counts(ledger) == {"waiting": 1}
        ledger.run_once(6)
    assert counts(ledger) == {"queued": 1}
    assert ledger.store.records.batch("logos").total == 1


def test_a_refused_job_counts_as_failed(ledger: Ledger) -> None:
    fields = {"chatbot_id": "bot", "image": "?", "account": "default", "batch": "logos"}
    ledger.store.refuse("job", OutcomeCode.INVALID_JOB, "No.", fields)
    status = ledger.store.records.batch("logos")
    assert (status.total, status.is_complete) == (1, True)
    assert (status.states, status.codes) == ({"failed": 1}, {"invalid_job": 1})
    assert ttl(ledger) == 30 * DAY


def test_a_batch_is_kept_as_long_as_a_record_of_its_jobs_can_be(ledger: Ledger) -> None:
    late = ledger.enqueue("bot-1", batch="logos", expires_at=ledger.now + 90 * DAY)
    early = ledger.enqueue("bot-2", batch="logos", expires_at=ledger.now + DAY)
    assert ttl(ledger) == 120 * DAY
    assert ledger.redis.ttl(ledger.store.keys.batch_pending("logos")) == 120 * DAY
    ledger.store.cancel(early)
    assert ttl(ledger) == 120 * DAY
    ledger.store.cancel(late)
    assert ttl(ledger) == 30 * DAY
    assert not ledger.redis.exists(ledger.store.keys.batch_pending("logos"))


def test_a_complete_batch_goes_on_with_another_job(ledger: Ledger) -> None:
    ledger.store.cancel(ledger.enqueue(batch="logos"))
    ledger.enqueue(batch="logos", expires_at=ledger.now + 90 * DAY)
    status = ledger.store.records.batch("logos")
    assert (status.total, status.pending, status.finished_at) == (2, 1, None)
    assert ttl(ledger) == 120 * DAY


def test_each_ended_job_is_published_on_its_batchs_channel(ledger: Ledger) -> None:
    jobs = [ledger.enqueue(f"bot-{number}", batch="logos") for number in range(2)]
    with ledger.redis.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(ledger.store.keys.batch_changes("logos"))
        channel.get_message(timeout=1)
        ledger.deliver(ledger.acquire_with_permit(jobs[0]))
        ledger.store.cancel(jobs[1])
        published = [channel.get_message(timeout=1)["data"] for _ in range(2)]
    assert published == ["succeeded", "cancelled"]


def test_the_rest_of_a_batch_is_cancelled(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facelift.ledger.store._JOBS_A_ROUND_TRIP", 30)
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue("done", batch="logos")))
    runs = ledger.acquire_with_permit(ledger.enqueue("runs", batch="logos"))
    for number in range(120):  # some wait for their account's turn, some behind their chatbot's
        ledger.enqueue(f"bot-{number % 50}", batch="logos")
    other = ledger.enqueue("bot-1")
    assert ledger.store.cancel_batch("logos") == (120, 1)
    assert counts(ledger) == {"running": 1, "succeeded": 1, "cancelled": 120}
    assert not ledger.state(other).is_terminal
    ledger.retry_later(runs)
    assert counts(ledger) == {"succeeded": 1, "cancelled": 121}
    assert ledger.store.cancel_batch("logos") == (0, 0)


def test_batches_are_listed_those_that_began_last_first(ledger: Ledger) -> None:
    for name in ("one", "two", "three", "one"):
        ledger.enqueue(batch=name)
        ledger.now += 1
    assert [status.id for status in ledger.store.records.batches(20)] == ["three", "two", "one"]
    assert [status.id for status in ledger.store.records.batches(2)] == ["three", "two"]


def test_an_expired_batch_is_pruned_from_the_list(ledger: Ledger) -> None:
    for name in ("gone", "kept"):
        ledger.enqueue(batch=name)
    ledger.redis.delete(ledger.store.keys.batch("gone"))
    assert [status.id for status in ledger.store.records.batches(20)] == ["kept"]
    ledger.store.prune(None, 10)
    assert ledger.redis.zrange(ledger.store.keys.batches, 0, -1) == ["kept"]


def test_jobs_are_found_by_their_batch(ledger: Ledger) -> None:
    ledger.enqueue("bot-1")
    job = ledger.enqueue("bot-2", batch="logos")
    ledger.enqueue("bot-3", batch="logos-2")
    page = ledger.store.records.find(JobFilter(batch="logos"), 50, None)
    assert [record.id for record in page.records] == [job]


@pytest.mark.parametrize("key", ["batch", "batch_pending", "batches"])
def test_a_key_of_another_type_refuses_the_job_before_anything_is_written(
    ledger: Ledger, key: str
) -> None:
    found = getattr(ledger.store.keys, key)
    taken = found("logos") if callable(found) else found
    ledger.redis.set(taken, "somebody else's")
    with pytest.raises(LedgerRefused, match="WRONGTYPE"):
        ledger.enqueue(batch="logos")
    assert ledger.redis.keys("*") == [taken]


def test_a_batch_that_cannot_be_read_is_refused(ledger: Ledger) -> None:
    ledger.redis.hset(ledger.store.keys.batch("logos"), "total", "many")
    with pytest.raises(LedgerRefused, match="the batch logos cannot be read"):
        ledger.store.records.batch("logos")
