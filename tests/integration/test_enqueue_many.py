from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from facelift.client import UploadClient
from facelift.errors import InvalidJob, LedgerRefused, LedgerUnavailable
from facelift.job import UploadJob
from facelift.ledger.scripts import load_script
from facelift.operations import enqueue
from facelift.operations.enqueue import EnqueueInterrupted

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few jobs take more than one round trip."""
    monkeypatch.setattr(enqueue, "_JOBS_A_ROUND_TRIP", 3)


def jobs(count: int, **fields: Any) -> list[UploadJob]:
    return [
        UploadJob(**({"chatbot_id": f"bot-{n}", "image": f"media:{n}.png"} | fields))
        for n in range(count)
    ]


def test_many_jobs_are_answered_with_their_records_in_order(
    client: UploadClient, redis: Any
) -> None:
    done = client.enqueue_many(job for job in jobs(7))
    assert [each.record.image for each in done] == [f"media:{n}.png" for n in range(7)]
    assert all(each.is_new and each.conflict is None for each in done)
    assert [client.status(each.record.id) for each in done] == [each.record for each in done]
    assert redis.llen("facelift") == 7


def test_no_jobs_are_no_error(client: UploadClient) -> None:
    assert client.enqueue_many([]) == []


def test_of_many_jobs_of_a_chatbot_the_last_is_the_newest(
    client: UploadClient, worker: Ledger
) -> None:
    *older, newest = [each.record.id for each in client.enqueue_many(jobs(5, chatbot_id="bot"))]
    worker.deliver(worker.acquire_with_permit(newest))
    assert [client.status(job).superseded_by for job in older] == [newest] * 4


def test_many_jobs_enqueued_again_are_the_same(client: UploadClient, redis: Any) -> None:
    ids = [f"mine-{n}" for n in range(5)]
    first = client.enqueue_many(jobs(5), job_ids=ids)
    again = client.enqueue_many(jobs(5), job_ids=ids)
    assert [each.record for each in again] == [each.record for each in first]
    assert [each.record.id for each in again] == ids
    assert not any(each.is_new or each.conflict for each in again)
    assert redis.llen("facelift") == 5


def test_one_key_among_many_jobs_is_one_job(client: UploadClient, redis: Any) -> None:
    done = client.enqueue_many(
        jobs(5, chatbot_id="bot", image="media:a.png", idempotency_key="key")
    )
    assert {each.record.id for each in done} == {done[0].record.id}
    assert [each.is_new for each in done] == [True, False, False, False, False]
    assert redis.llen("facelift") == 1


def test_a_conflict_leaves_the_other_jobs_alone(client: UploadClient) -> None:
    there = client.enqueue("another", "media:1.png", job_id="mine-1")
    done = client.enqueue_many(jobs(5), job_ids=[f"mine-{n}" for n in range(5)])
    assert [each.is_new for each in done] == [True, False, True, True, True]
    conflict = done[1].conflict
    assert conflict is not None
    assert (conflict.field, conflict.record, done[1].record) == ("chatbot_id", there, there)


@pytest.mark.parametrize(
    ("ids", "field"),
    [(["a", "b c"], "job_ids[1]"), (["a"], "job_ids"), (["a", "b", "c"], "job_ids")],
)
def test_wrong_ids_are_named_before_anything_is_enqueued(
    client: UploadClient, redis: Any, ids: list[str], field: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        client.enqueue_many(jobs(2), job_ids=ids)
    assert caught.value.field == field
    assert redis.keys("*") == []


def test_a_no_halfway_says_how_far_it_got_and_all_can_be_sent_again(
    client: UploadClient, redis: Any
) -> None:
    foreign = client.ledger.keys.job("mine-4")
    redis.set(foreign, "somebody else's")
    with pytest.raises(EnqueueInterrupted, match="only the first 4 of 7") as caught:
        client.enqueue_many(jobs(7), job_ids=[f"mine-{n}" for n in range(7)])
    assert isinstance(caught.value.__cause__, LedgerRefused)
    assert [each.record.id for each in caught.value.done] == [f"mine-{n}" for n in range(4)]
    redis.delete(foreign)
    done = client.enqueue_many(jobs(7), job_ids=caught.value.job_ids)
    # The sixth was in the same round trip as the one that was refused.
    assert [each.is_new for each in done] == [False] * 4 + [True, False, True]
    assert redis.llen("facelift") == 7


def test_many_jobs_without_redis_can_be_sent_again_under_the_same_ids(
    client: UploadClient,
) -> None:
    with (
        UploadClient("redis://127.0.0.1:1") as lost,
        pytest.raises(EnqueueInterrupted, match="Redis cannot be reached") as caught,
    ):
        lost.enqueue_many(jobs(2))
    assert isinstance(caught.value.__cause__, LedgerUnavailable)
    assert caught.value.done == []
    done = client.enqueue_many(jobs(2), job_ids=caught.value.job_ids)
    assert [each.record.id for each in done] == caught.value.job_ids


def test_scripts_that_redis_forgets_halfway_are_sent_anew(
    client: UploadClient, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if they were forgotten right after the first job of each round trip.
    forgotten = load_script("jobs/enqueue", client.ledger.keys)._replace(sha1="0" * 40)
    monkeypatch.setattr("facelift.ledger.scripts.load_script", lambda *_: forgotten)
    done = client.enqueue_many(jobs(5))
    assert [each.record.image for each in done] == [f"media:{n}.png" for n in range(5)]
    assert redis.llen("facelift") == 5
