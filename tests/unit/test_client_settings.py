"""`UploadClient.from_env`: what producers and workers read from the same variables."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from facelift.aio import AsyncUploadClient
from facelift.client import UploadClient
from facelift.errors import InvalidSettings
from facelift.operations.settings import settings_from_env
from worker.settings.load import load

VARIABLES = (
    *("REDIS_URL", "KEY_PREFIX", "DEADLINE", "IDEMPOTENCY_WINDOW"),
    *("CALL_TIMEOUT", "MAX_CONNECTIONS"),
)
WORKERS = {"FACELIFT_API_KEY": "sk-1", "FACELIFT_IMAGE_STORES": "media=file:///srv"}


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"FACELIFT_{name}", raising=False)


def problems(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(f"FACELIFT_{name}", value)
    with pytest.raises(InvalidSettings) as caught:
        UploadClient.from_env()
    return caught.value.problems


def test_nothing_needs_to_be_set() -> None:
    assert settings_from_env() == {
        "redis_url": "redis://127.0.0.1:6379/0",
        "key_prefix": "facelift",
        "lifetime": 86_400,
        "idempotency_window": 86_400,
        "call_timeout": 5,
        "max_connections": 50,
    }


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(f"FACELIFT_{name}", " ")
    assert settings_from_env()["lifetime"] == 86_400


def test_what_is_set_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACELIFT_REDIS_URL", "redis://:word@redis.example:6380/2")
    monkeypatch.setenv("FACELIFT_KEY_PREFIX", "shop")
    monkeypatch.setenv("FACELIFT_DEADLINE", "30")
    monkeypatch.setenv("FACELIFT_IDEMPOTENCY_WINDOW", "90500ms")
    monkeypatch.setenv("FACELIFT_CALL_TIMEOUT", "1.5s")
    monkeypatch.setenv("FACELIFT_MAX_CONNECTIONS", "7")
    assert settings_from_env() == {
        "redis_url": "redis://:word@redis.example:6380/2",
        "key_prefix": "shop",
        "lifetime": 30,
        "idempotency_window": 90.5,
        "call_timeout": 1.5,
        "max_connections": 7,
    }
    with UploadClient.from_env() as client:
        assert client.ledger.keys.prefix == "shop"


@pytest.mark.parametrize("text", ["30", "90s", "1.5 s", "5min", "24h", "30d", "1000ms"])
def test_a_deadline_means_the_same_to_producers_and_workers(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("FACELIFT_DEADLINE", text)
    deadline = load(WORKERS | {"FACELIFT_DEADLINE": text}).deadline
    assert settings_from_env()["lifetime"] == deadline


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DEADLINE", "soon"),
        ("DEADLINE", "5m"),
        ("DEADLINE", "1e3"),
        ("DEADLINE", "999ms"),
        ("DEADLINE", "31d"),
        ("DEADLINE", "9" * 400),
        ("IDEMPOTENCY_WINDOW", "soon"),
        ("IDEMPOTENCY_WINDOW", "999ms"),
        ("IDEMPOTENCY_WINDOW", "31d"),
        ("KEY_PREFIX", "Face{lift}"),
        ("KEY_PREFIX", "x" * 33),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://localhost/one"),
        ("REDIS_URL", "redis://localhost?foo=1"),
    ],
)
def test_producers_and_workers_word_a_wrong_value_alike(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    (problem,) = problems(monkeypatch, **{name: text})
    assert problem.startswith(f"FACELIFT_{name} ")
    with pytest.raises(InvalidSettings) as caught:
        load(WORKERS | {f"FACELIFT_{name}": text})
    assert caught.value.problems == [problem]


def test_every_problem_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(monkeypatch, **dict.fromkeys(VARIABLES, "X"))
    assert [problem.split()[0] for problem in found] == [f"FACELIFT_{name}" for name in VARIABLES]


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("CALL_TIMEOUT", "0", "a duration from 0.1s to 5min, such as 5s"),
        ("CALL_TIMEOUT", "6min", "a duration from 0.1s to 5min, such as 5s"),
        ("MAX_CONNECTIONS", "0", "a whole number from 1 to 10000"),
        ("MAX_CONNECTIONS", "1.5", "a whole number from 1 to 10000"),
    ],
)
def test_a_limit_out_of_bounds_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, right: str
) -> None:
    assert problems(monkeypatch, **{name: text}) == [f"FACELIFT_{name} must be {right}"]


@pytest.mark.parametrize(
    "option", [{"call_timeout": 0.0}, {"call_timeout": float("nan")}, {"max_connections": 0}]
)
def test_a_limit_given_by_hand_is_checked_too(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings, match=rf"^{next(iter(option))} must be"):
        UploadClient(**option)


def test_a_prefix_given_by_hand_is_checked_too() -> None:
    with pytest.raises(InvalidSettings, match=r"^FACELIFT_KEY_PREFIX must be 1 to 32"):
        UploadClient(key_prefix="{x}")


@pytest.mark.parametrize("kind", [UploadClient, AsyncUploadClient])
def test_every_method_has_a_docstring_and_its_own_signature(kind: type) -> None:
    methods = {
        name: method
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {"enqueue", "wait", "watch_batch", "cancel"} <= methods.keys()
    for name, method in methods.items():
        assert inspect.getdoc(method), name
        parameters = inspect.signature(method).parameters
        assert next(iter(parameters)) == "self", name
        assert "args" not in parameters, name
