from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.record import JobRecord

ENQUEUED = {
    "version": "1",
    "state": "queued",
    "message": "On its way to a worker.",
    "chatbot_id": "bot",
    "image": "media:a.png",
    "account": "default",
    "fit": "strict",
    "created_at": "1764000000.000",
    "expires_at": "1764086400.000",
}
ATTEMPT = Attempt(
    started_at=1_764_000_001.0,
    duration=0.25,
    code=OutcomeCode.SERVER_ERROR,
    http_status=500,
    decision=Decision.RETRY,
    reason="The endpoint answered 500.",
    next_at=1_764_000_003.5,
    counted=True,
    number=1,
)

SECONDS = st.floats(min_value=0, max_value=1e11)
ATTEMPTS = st.builds(
    Attempt,
    started_at=SECONDS,
    duration=SECONDS,
    code=st.sampled_from(OutcomeCode),
    http_status=st.none() | st.integers(100, 599),
    decision=st.sampled_from(Decision),
    reason=st.text(),
    next_at=st.none() | SECONDS,
    counted=st.booleans(),
    number=st.integers(1, 10_000),
)


@pytest.mark.parametrize(
    ("stored", "subject"),
    [
        ({}, "bot"),
        ({"asset": "icon"}, "icon of bot"),
        ({"action": "remove"}, "remove the picture of bot"),
        ({"action": "remove", "state": "succeeded"}, "removed the picture of bot"),
        ({"action": "remove", "asset": "icon", "state": "failed"}, "remove the icon of bot"),
        ({"action": "remove", "asset": "icon", "state": "succeeded"}, "removed the icon of bot"),
        ({"asset": "cover_image"}, "cover image of bot"),  # of a newer release
        ({"asset": "icon", "action": "blur", "state": "succeeded"}, "blur the icon of bot"),
    ],
)
def test_subject_names_what_is_done_unless_a_profile_picture_is_set(
    stored: dict[str, str], subject: str
) -> None:
    assert JobRecord.decode("job", ENQUEUED | stored).subject == subject


def test_the_last_five_states_are_terminal() -> None:
    assert [state for state in JobState if state.is_terminal] == list(JobState)[-5:]


@given(ATTEMPTS)
def test_an_attempt_is_read_as_it_was_written(attempt: Attempt) -> None:
    assert Attempt.decode(attempt.number, attempt.encode(), {}) == attempt


@given(attempt=ATTEMPTS, outcome=st.sampled_from(OutcomeCode), same=st.booleans())
def test_what_the_record_says_of_the_last_attempt_is_not_said_twice(
    attempt: Attempt, outcome: OutcomeCode, *, same: bool
) -> None:
    message = attempt.reason if same else "Gave up."
    record = {
        "started_at": repr(attempt.started_at),
        "outcome": outcome,
        "message": message,
        "http_status": str(attempt.http_status or ""),
    }
    text = attempt.encode_last(outcome, message)
    assert Attempt.decode(attempt.number, text, record) == attempt
    assert "started_at" not in json.loads(text)


def test_earlier_attempt_does_not_take_the_records_outcome() -> None:
    earlier = replace(ATTEMPT, http_status=None)
    record = {"outcome": "delivered", "message": "Done.", "http_status": "200"}
    assert Attempt.decode(1, earlier.encode(), record) == earlier


def test_an_attempt_of_a_later_release_is_read() -> None:
    later = json.loads(ATTEMPT.encode()) | {"colour": "red", "nested": {"a": 1}}
    assert Attempt.decode(1, json.dumps(later), {}) == ATTEMPT


def test_an_attempt_leaves_out_what_there_is_not() -> None:
    stored = json.loads(replace(ATTEMPT, http_status=None, next_at=None).encode())
    assert not {"number", "http_status", "next_at"} & stored.keys()


def test_a_record_has_little_when_it_is_new() -> None:
    record = JobRecord.decode("job-1", ENQUEUED)
    assert (record.id, record.state, record.version) == ("job-1", JobState.QUEUED, 1)
    assert (record.created_at, record.expires_at) == (1_764_000_000.0, 1_764_086_400.0)
    assert (record.outcome, record.http_status, record.wait_reason) == (None, None, None)
    assert (record.not_before, record.started_at, record.finished_at) == (None, None, None)
    assert (record.priority, record.fairness_key) == ("normal", None)
    assert (record.attempts, record.attempts_used, record.lost_leases) == ((), 0, 0)


def test_record_has_all_that_is_stored() -> None:
    stored = ENQUEUED | {
        "state": "waiting",
        "outcome": "",
        "http_status": "500",
        "sha256": "ab",
        "idempotency_key": "k",
        "priority": "high",
        "fairness_key": "customer-42",
        "not_before": "1764000000.500",
        "replay_of": "job-0",
        "superseded_by": "job-2",
        "wait_reason": "retry",
        "wait_until": "1764000003.500",
        "attempts_used": "2",
        "lost_leases": "1",
        "worker": "host:1",
        "started_at": "1764000001.000",
        "finished_at": "1764000002.000",
    }
    record = JobRecord.decode("job-1", stored)
    assert (record.state, record.outcome, record.http_status) == (JobState.WAITING, None, 500)
    assert (record.sha256, record.idempotency_key, record.not_before) == ("ab", "k", 1764000000.5)
    assert (record.priority, record.fairness_key) == ("high", "customer-42")
    assert (record.replay_of, record.superseded_by) == ("job-0", "job-2")
    assert (record.wait_reason, record.wait_until) == (WaitReason.RETRY, 1_764_000_003.5)
    assert (record.attempts_used, record.lost_leases, record.worker) == (2, 1, "host:1")
    assert (record.started_at, record.finished_at) == (1_764_000_001.0, 1_764_000_002.0)


def test_priority_of_a_later_release_is_shown_as_it_is() -> None:
    assert JobRecord.decode("job-1", ENQUEUED | {"priority": "urgent"}).priority == "urgent"


@pytest.mark.parametrize("code", OutcomeCode)
def test_every_outcome_is_read(code: OutcomeCode) -> None:
    stored = ENQUEUED | {"state": "failed", "outcome": code.value, "http_status": ""}
    record = JobRecord.decode("job-1", stored)
    assert (record.outcome, record.http_status) == (code, None)


def test_attempts_are_in_the_order_in_which_they_were_made() -> None:
    stored = ENQUEUED | {f"attempt:{n}": ATTEMPT.encode() for n in (10, 9, 2, 11)}
    record = JobRecord.decode("job-1", stored)
    assert [attempt.number for attempt in record.attempts] == [2, 9, 10, 11]


def test_fields_of_a_later_release_are_left_alone() -> None:
    later = ENQUEUED | {"colour": "red", "lease_token": "t", "generation": "7", "history": "1"}
    assert JobRecord.decode("job-1", later) == JobRecord.decode("job-1", ENQUEUED)


def test_a_record_is_ready_for_json() -> None:
    stored = ENQUEUED | {"attempt:1": ATTEMPT.encode()}
    shown = json.loads(json.dumps(JobRecord.decode("job-1", stored).as_dict()))
    assert (shown["id"], shown["state"], shown["outcome"]) == ("job-1", "queued", None)
    assert shown["attempts"][0]["code"] == "server_error"
    assert shown.keys() == set(JobRecord.__dataclass_fields__)
