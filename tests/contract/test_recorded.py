"""This release reads, and carries on with, what each released version left in Redis."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from facelift.client import UploadClient
from facelift.job import ENQUEUE_TASK, UPLOAD_TASK
from facelift.ledger.replies import Acquired
from tasks.message import read_message
from tests.contract.conftest import RELEASES
from tests.ledger.driver import LEASE
from worker.delivery.intake import Intake

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def as_printed(record: Any) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(json.dumps(record.as_dict()))
    return printed


def carry_out(ledger: Ledger, seconds: int) -> None:
    """Deliver whatever comes to the queue within that time."""
    for _ in range(seconds):
        ledger.run_once(1)
        while ledger.messages():
            lease = ledger.lease(ledger.take_message())
            if isinstance(ledger.store.acquire(lease, LEASE, "newer-release"), Acquired):
                ledger.store.acquire_permit(lease, LEASE, 30)
                ledger.deliver(lease)


def test_there_are_recordings() -> None:
    assert "0.1.0" in RELEASES


def test_every_record_is_read_as_it_was(restored: Ledger, recorded: dict[str, Any]) -> None:
    for job, expected in recorded["records"].items():
        read = as_printed(restored.get(job))
        assert {name: read[name] for name in expected} == expected


def test_job_in_any_state_is_carried_on_with(restored: Ledger, recorded: dict[str, Any]) -> None:
    restored.store.pool.resume("acme", by="anna@host")
    carry_out(restored, 30)
    restored.run_once(3600)  # one is scheduled
    carry_out(restored, 30)
    ended = {job: str(restored.get(job).outcome) for job in recorded["records"]}
    assert ended == {
        "cancelled": "cancelled",
        "crash_loop": "crash_loop",
        "expired": "expired",
        "failed": "chatbot_not_found",
        "invalid": "invalid_job",
        "newer": "delivered",
        "older": "superseded",
        "paused": "delivered",
        "queued": "delivered",
        "retry": "delivered",
        "running": "delivered",
        "scheduled": "delivered",
        "succeeded": "delivered",
        "superseded": "superseded",
        "superseding": "delivered",
    }
    assert restored.get("running").lost_leases == 1  # its worker was that release's


def test_idempotency_key_of_that_release_is_remembered(restored: Ledger) -> None:
    assert restored.enqueue("bot-queued", idempotency_key="k") == "queued"


def test_batch_of_that_release_is_followed_on(restored: Ledger) -> None:
    client = UploadClient(redis=restored.redis)
    assert not client.batch("spring").is_complete
    carry_out(restored, 30)
    assert client.batch("spring").is_complete


def test_message_of_that_release_is_understood(recorded: dict[str, Any]) -> None:
    for text in recorded["keys"]["facelift"]["value"]:
        headers = json.loads(text)["headers"]
        assert headers["task"] == UPLOAD_TASK
        assert headers["id"] in recorded["records"]


@pytest.mark.parametrize("more", [{}, {"version": 1}])
def test_message_of_a_producer_of_that_time_is_recorded(
    ledger: Ledger, recorded: dict[str, Any], more: dict[str, int]
) -> None:
    message = json.loads(recorded["enqueue_message"])
    assert message["headers"]["task"] == ENQUEUE_TASK
    _, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    intake = Intake(UploadClient(redis=ledger.redis), ledger.store, print, print)
    intake.receive(replace(read_message(json.dumps(message).encode()), kwargs=kwargs | more))
    record = as_printed(ledger.get("enqueued"))
    assert {name: record[name] for name in kwargs} == kwargs
