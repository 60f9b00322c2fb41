"""What a webhook says."""

from __future__ import annotations

import json

import pytest

from facelift.codes import OutcomeCode
from facelift.record import JobRecord
from tests.documents import blocks
from worker.webhooks.message import encode

STORED = {
    "state": "succeeded",
    "outcome": "delivered",
    "message": "Chatbot Profile Picture uploaded successfully.",
    "http_status": "200",
    "chatbot_id": "5QHA6VB-DIAbBhxwqxfdi",
    "image": "media:bots/42.png",
    "account": "default",
    "fit": "strict",
    "attempts_used": "1",
    "created_at": "1764000000.500",
    "finished_at": "1764000001.250",
    "expires_at": "1764086400",
    "version": "1",
    "webhook_tries": "3",
}
SAID = {
    "type": "job.succeeded",
    "timestamp": "2025-11-24T16:00:01.250Z",
    "data": {
        "id": "job-1",
        "state": "succeeded",
        "outcome": "delivered",
        "message": "Chatbot Profile Picture uploaded successfully.",
        "http_status": 200,
        "chatbot_id": "5QHA6VB-DIAbBhxwqxfdi",
        "image": "media:bots/42.png",
        "asset": "profile_picture",
        "action": "set",
        "account": "default",
        "batch": None,
        "idempotency_key": None,
        "metadata": None,
        "attempts_used": 1,
        "superseded_by": None,
        "replay_of": None,
        "created_at": 1764000000.5,
        "finished_at": 1764000001.25,
    },
}


def record(**stored: str) -> JobRecord:
    return JobRecord.decode("job-1", STORED | stored)


def test_the_body_holds_the_outcome_and_the_job() -> None:
    assert json.loads(encode(record())) == SAID


def test_the_document_shows_what_is_sent() -> None:
    (example,) = (each.text for each in blocks("webhooks.md") if each.language == "json")
    assert json.loads(example) == SAID


@pytest.mark.parametrize("state", ["succeeded", "failed", "superseded", "cancelled", "expired"])
def test_the_type_holds_the_state(state: str) -> None:
    assert json.loads(encode(record(state=state)))["type"] == f"job.{state}"


def test_every_try_sends_the_same_bytes() -> None:
    assert encode(record(webhook_tries="1")) == encode(record(webhook_tries="7"))


def test_any_text_of_a_record_can_be_sent() -> None:
    event = json.loads(encode(record(message="\u2028 ä \x00", outcome=OutcomeCode.INVALID_JOB)))
    assert event["data"]["message"] == "\u2028 ä \x00"
