"""This release beside a newer one: what that added is left alone, a new form is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from facelift.client import UploadClient
from facelift.errors import JobNotFound, LedgerRefused
from facelift.job import ENQUEUE_TASK
from facelift.ledger.replies import Acquired
from tasks.message import TaskMessage
from tests.ledger.driver import LEASE, Ledger
from worker.delivery.intake import Intake

if TYPE_CHECKING:
    from redis import Redis


def fields(ledger: Ledger, job: str) -> dict[str, str]:
    found: dict[str, str] = ledger.redis.hgetall(ledger.store.keys.job(job))
    return found


def as_of_form_2(ledger: Ledger) -> str:
    """A queued job that a newer release recorded."""
    job = ledger.enqueue()
    ledger.redis.hset(ledger.store.keys.job(job), mapping={"version": "2", "pose": "profile"})
    return job


def claim(ledger: Ledger, job: str) -> Any:
    return ledger.store.acquire(ledger.lease(job), LEASE, "worker")


def test_added_field_is_left_where_it_is(ledger: Ledger) -> None:
    job = ledger.enqueue()
    ledger.redis.hset(ledger.store.keys.job(job), "pose", "profile")
    ledger.deliver(ledger.acquire_with_permit(job))
    assert ledger.get(job).outcome == "delivered"
    assert fields(ledger, job)["pose"] == "profile"


def test_unknown_codes_are_shown_as_they_are(ledger: Ledger) -> None:
    job = ledger.enqueue()
    attempt = {
        "started_at": ledger.now,
        "duration": 0.1,
        "code": "image_blurred",
        "decision": "ask",
        "reason": "Too blurred.",
        "counted": True,
        "sharpness": 0.2,
    }
    added = {
        "state": "waiting",
        "wait_reason": "approval",
        "wait_until": "1764000100",
        "attempt:1": json.dumps(attempt),
    }
    ledger.redis.hset(ledger.store.keys.job(job), mapping=added)
    record = ledger.get(job)
    assert (record.wait_reason, record.attempts[0].code) == ("approval", "image_blurred")
    printed = json.loads(json.dumps(record.as_dict()))
    assert (printed["wait_reason"], printed["attempts"][0]["decision"]) == ("approval", "ask")


def test_unknown_events_outcomes_and_reasons_appear_in_summaries(ledger: Ledger) -> None:
    event = {"at": ledger.now, "what": "moon_rose", "reason": "", "by": "facelift"}
    keys = ledger.store.keys
    ledger.redis.lpush(keys.events, json.dumps(event))
    ledger.redis.lpush(keys.unlogged_events, json.dumps(event))
    client = UploadClient(redis=ledger.redis)
    assert client.pool().events[0].kind == "moon_rose"
    assert [each.kind for each in ledger.run_once().events] == ["moon_rose"]
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue(batch="spring")))
    ledger.redis.hincrby(keys.batch("spring"), "code:image_blurred", 1)
    assert client.batch("spring").codes == {"delivered": 1, "image_blurred": 1}
    entry = {**ledger.redis.xrange(keys.outcomes)[0][1], "outcome": "image_blurred"}
    ledger.redis.xadd(keys.outcomes, entry)
    outcomes = [each.outcome for each in client.outcomes("0", timeout=0)]
    assert outcomes == ["delivered", "image_blurred"]


def test_record_of_a_newer_form_is_not_read(ledger: Ledger) -> None:
    job = as_of_form_2(ledger)
    with pytest.raises(
        LedgerRefused, match=f"record of job {job} has schema version 2; this release"
    ):
        ledger.get(job)


def test_record_of_a_newer_form_is_left_out_of_what_is_found(ledger: Ledger) -> None:
    known = ledger.enqueue()
    as_of_form_2(ledger)
    found = UploadClient(redis=ledger.redis).find().records
    assert [record.id for record in found] == [known]


def test_job_of_a_newer_form_is_left_as_it_is(ledger: Ledger) -> None:
    job = as_of_form_2(ledger)
    before = fields(ledger, job)
    with pytest.raises(LedgerRefused, match="has schema version 2; this release knows 1 only"):
        claim(ledger, job)
    assert fields(ledger, job) == before


def test_job_of_a_newer_form_is_carried_out_by_a_worker_that_knows_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, redis_client: Redis
) -> None:
    job = as_of_form_2(ledger)
    for _ in range(4):  # more often than workers may be lost
        assert ledger.take_message() == job
        with pytest.raises(LedgerRefused):
            claim(ledger, job)
        ledger.run_once(10)
    monkeypatch.setattr("facelift.ledger.store.SCHEMA_VERSION", 2)
    monkeypatch.setattr("facelift.ledger.encoding.SCHEMA_VERSION", 2)
    newer = Ledger(redis_client, now=ledger.now)
    assert ledger.take_message() == job
    assert isinstance(claim(newer, job), Acquired)


def test_job_of_a_newer_form_keeps_no_other_from_its_turn(ledger: Ledger) -> None:
    for number in range(16):  # as many of an account as the queue holds
        ledger.redis.hset(ledger.store.keys.job(ledger.enqueue(f"bot-{number}")), "version", "2")
    job = ledger.enqueue("bot")
    assert ledger.state(job) == "waiting"
    with pytest.raises(LedgerRefused):
        claim(ledger, ledger.take_message())
    assert ledger.state(job) == "queued"


def test_job_of_a_newer_form_expires_as_others_do(ledger: Ledger) -> None:
    job = as_of_form_2(ledger)
    ledger.run_once(86_400)
    assert fields(ledger, job)["outcome"] == "expired"


@pytest.fixture
def intake(ledger: Ledger) -> Intake:
    return Intake(UploadClient(redis=ledger.redis), ledger.store, print, print)


def test_message_of_a_newer_form_is_left_on_the_queue(ledger: Ledger, intake: Intake) -> None:
    with pytest.raises(LedgerRefused, match="the message has schema version 2; this release knows"):
        intake.receive(
            TaskMessage(ENQUEUE_TASK, "mine", kwargs={"version": 2, "picture": "media:a.png"})
        )
    with pytest.raises(JobNotFound):
        ledger.get("mine")


@pytest.mark.parametrize("version", [0, "1", True, None, 1.5])
def test_version_that_is_none_is_refused_for_good(
    ledger: Ledger, intake: Intake, version: object
) -> None:
    intake.receive(
        TaskMessage(
            ENQUEUE_TASK,
            "mine",
            kwargs={"version": version, "chatbot_id": "b", "image": "media:a.png"},
        )
    )
    record = ledger.get("mine")
    assert record.outcome == "invalid_job"
    assert record.message == "version: must be 1, the number, or left out"


def test_unknown_field_of_a_message_is_refused_by_its_name(ledger: Ledger, intake: Intake) -> None:
    intake.receive(
        TaskMessage(
            ENQUEUE_TASK, "mine", kwargs={"chatbot_id": "b", "image": "media:a.png", "expire_at": 1}
        )
    )
    assert ledger.get("mine").message.startswith("'expire_at': is not a field of a job")
