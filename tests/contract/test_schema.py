"""The published JSON Schemas say what the code does."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from facelift.asset import Action, Asset
from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.errors import InvalidJob
from facelift.fit import Fit
from facelift.job import ENQUEUE_TASK, Priority, UploadJob
from facelift.queries import Outcome
from facelift.record import SCHEMA_VERSION, JobRecord
from facelift.text import is_blank, is_hidden
from tasks.message import TaskMessage
from tests.contract.record import fill
from tests.documents import DOCS
from worker.delivery.intake import make_job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.ledger.driver import Ledger

JOB = {"chatbot_id": "bot", "image": "media:bots/42.png"}
HASH = "0aF" * 21 + "b"


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DOCS / "schema" / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(loaded)
    return loaded


def problems(name: str, document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema(name)).iter_errors(document)]


def names(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}


def words(codes: Iterable[str]) -> list[str]:
    return [str(code) for code in codes]


@pytest.mark.parametrize("name", ["job", "record", "outcome"])
def test_schema_is_of_the_form_that_this_release_writes(name: str) -> None:
    assert schema(name)["$id"] == f"facelift/{name}/{SCHEMA_VERSION}"


def test_job_has_the_fields_of_a_job() -> None:
    job = schema("job")
    assert set(job["properties"]) == names(UploadJob) | {"version"}
    assert not job["additionalProperties"]
    assert job["properties"]["fit"]["enum"] == words(Fit)
    assert job["properties"]["priority"]["enum"] == words(Priority)
    defaults = {field.name: field.default for field in fields(UploadJob)}
    assert job["properties"]["asset"]["enum"] == words(Asset)
    assert job["properties"]["action"]["enum"] == words(Action)
    for name in ("account", "fit", "priority", "asset", "action"):
        assert job["properties"][name]["default"] == defaults[name]


def test_record_has_the_fields_of_a_record() -> None:
    record = schema("record")
    assert set(record["properties"]) == set(record["required"]) == names(JobRecord)
    attempt = record["properties"]["attempts"]["items"]
    assert set(attempt["properties"]) == set(attempt["required"]) == names(Attempt)


def test_record_has_the_words_of_a_record() -> None:
    properties = schema("record")["properties"]
    assert properties["state"]["enum"] == words(JobState)
    assert properties["outcome"]["enum"] == [*words(OutcomeCode), None]
    assert properties["priority"]["enum"] == [*words(Priority), ""]
    assert properties["asset"]["enum"] == words(Asset)
    assert properties["action"]["enum"] == words(Action)
    assert properties["wait_reason"]["enum"] == [*words(WaitReason), None]
    attempt = properties["attempts"]["items"]["properties"]
    assert attempt["code"]["enum"] == words(OutcomeCode)
    assert attempt["decision"]["enum"] == words(Decision)


def test_outcome_has_the_fields_and_words_of_an_ended_job() -> None:
    outcome = schema("outcome")
    properties = outcome["properties"]
    # In the stream, the entry is its position, and the job is just `job`.
    assert set(outcome["required"]) == set(properties) - {
        *("asset", "action", "batch", "idempotency_key", "metadata"),  # if the job has them
    }
    assert properties["asset"]["enum"] == words(Asset)
    assert properties["action"]["enum"] == words(Action)
    assert set(properties) == (names(Outcome) - {"entry", "job_id"}) | {"job"}
    assert properties["state"]["enum"] == words(s for s in JobState if s.is_terminal)
    assert properties["outcome"]["enum"] == words(OutcomeCode)


def test_record_in_any_state_and_its_outcome_are_valid(ledger: Ledger) -> None:
    fill(ledger)
    entries = [fields for _, fields in ledger.redis.xrange(ledger.store.keys.outcomes)]
    assert [problems("outcome", each) for each in entries] == [[]] * len(entries) != []
    for key in ledger.redis.scan_iter(ledger.store.keys.job("*")):
        record = ledger.get(key.rpartition(":")[2]).as_dict()
        assert problems("record", json.loads(json.dumps(record))) == []


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"version": 1},
        {"chatbot_id": "ü" * 200},
        {"chatbot_id": "a b"},
        {"image": "m:/srv/a b.png"},
        {"account": "acme-eu_2"},
        {"idempotency_key": None, "sha256": None, "not_before": None, "expires_at": None},
        {"idempotency_key": "k" * 200},
        {"sha256": HASH},
        {"not_before": 1_000_000_000, "expires_at": 99_999_999_999.5},
        *({"fit": fit} for fit in Fit),
        {"fit": "crop", "fit_focus": [0, 0.25]},
        {"fit": "crop", "fit_focus": " .5, 1.00"},
        {"fit_focus": None},
        {"metadata": None},
        {"metadata": {}},
        {"metadata": {"user_id": "42", "a.b:c/d-e": "", "n": "n" * 500}},
        *({"priority": priority} for priority in Priority),
        {"asset": "icon", "action": "set"},
        {"fairness_key": None},
        {"fairness_key": "Ana@example.com/" + "4:2_-." * 8},
    ],
)
def test_job_that_is_taken_is_valid(more: dict[str, object]) -> None:
    make_job(TaskMessage(ENQUEUE_TASK, "mine", kwargs=JOB | more))
    assert problems("job", JOB | more) == []


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"asset": "icon", "version": 1},
        {"image": None, "sha256": None, "fit": "strict", "fit_focus": None},
        {"batch": "b", "priority": "low", "fairness_key": "k", "idempotency_key": "k"},
    ],
)
def test_removal_that_is_taken_is_valid(more: dict[str, object]) -> None:
    removal = {"chatbot_id": "bot", "action": "remove"} | more
    make_job(TaskMessage(ENQUEUE_TASK, "mine", kwargs=removal))
    assert problems("job", removal) == []


@pytest.mark.parametrize(
    "given",
    [
        {"chatbot_id": "bot"},
        {"chatbot_id": "bot", "image": None},
        {"action": "remove"},
        JOB | {"action": "remove"},
        {"chatbot_id": "bot", "action": "remove", "sha256": HASH},
        {"chatbot_id": "bot", "action": "remove", "fit": "pad"},
        {"chatbot_id": "bot", "action": "remove", "fit": "crop", "fit_focus": "0,0"},
        JOB | {"action": "delete"},
        JOB | {"asset": "avatar"},
        JOB | {"asset": None},
        {"image": "media:a.png"},
        JOB | {"expire_at": 1},
        JOB | {"version": "1"},
        JOB | {"version": 0},
        JOB | {"chatbot_id": 7},
        JOB | {"chatbot_id": None},
        JOB | {"chatbot_id": " "},
        JOB | {"chatbot_id": "a\nb"},
        JOB | {"chatbot_id": "a\x85"},
        JOB | {"chatbot_id": " b"},
        JOB | {"chatbot_id": "b\u3000"},
        JOB | {"chatbot_id": "a\u202eb"},
        JOB | {"image": "media:a\u2028.png"},
        JOB | {"chatbot_id": "b" * 201},
        JOB | {"image": "a.png"},
        JOB | {"image": "media:"},
        JOB | {"image": "Media:a.png"},
        JOB | {"image": "https://example.com/a.png"},
        JOB | {"image": "media:" + "a" * 1019},
        JOB | {"account": "Acme"},
        JOB | {"account": None},
        JOB | {"account": "a" * 41},
        JOB | {"idempotency_key": ""},
        JOB | {"sha256": HASH[:-1]},
        JOB | {"not_before": "2026-01-31"},
        JOB | {"not_before": True},
        JOB | {"expires_at": 0},
        JOB | {"not_before": 60},
        JOB | {"expires_at": 1_764_000_000_000},
        JOB | {"fit": "squeeze"},
        JOB | {"fit": "crop", "fit_focus": [0.5]},
        JOB | {"fit": "crop", "fit_focus": [0.5, 1.1]},
        JOB | {"fit": "crop", "fit_focus": [True, 0.5]},
        JOB | {"fit": "crop", "fit_focus": "0.5;0.5"},
        JOB | {"fit": "crop", "fit_focus": "0.5,0_5"},
        JOB | {"fit": "crop", "fit_focus": 0.5},
        JOB | {"metadata": "user_id=42"},
        JOB | {"metadata": ["user_id"]},
        JOB | {"metadata": {"user_id": 42}},
        JOB | {"metadata": {"user id": "42"}},
        JOB | {"metadata": {"": "42"}},
        JOB | {"metadata": {"n": "n" * 501}},
        JOB | {"metadata": {f"n{number}": "" for number in range(17)}},
        JOB | {"priority": "urgent"},
        JOB | {"priority": None},
        JOB | {"fairness_key": ""},
        JOB | {"fairness_key": "a b"},
        JOB | {"fairness_key": "k" * 65},
        JOB | {"fairness_key": 42},
    ],
)
def test_job_that_is_refused_is_not_valid(given: dict[str, object]) -> None:
    with pytest.raises(InvalidJob):
        make_job(TaskMessage(ENQUEUE_TASK, "mine", kwargs=given))
    assert problems("job", given)


def test_schema_refuses_every_character_that_the_code_refuses() -> None:
    edges, seen = (each["pattern"] for each in schema("job")["properties"]["chatbot_id"]["allOf"])
    for point in range(0x110000):
        character = chr(point)
        if unicodedata.category(character) in {"Cs", "Cn"}:  # no JSON; known to a newer Python
            continue
        assert (re.search(seen, f"a{character}b") is None) == is_hidden(character), hex(point)
        if not is_hidden(character):
            assert (re.search(edges, f"a{character}") is None) == is_blank(character), hex(point)
