"""Fuzzes the reading of queue entries: `python -m tests.fuzz_messages [SECONDS] [SEED]`.

Entries are Celery's own, with parts replaced, cut, doubled, nested, packed or flipped. Each must be
read into a message within its bounds, or be refused with a sentence; nothing else may be raised.
"""

import base64
import bz2
import json
import lzma
import random
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

from facelift.errors import FaceliftError, InvalidJob
from tasks.message import MOST_BYTES, MessageRefused, read_message
from worker.delivery.intake import make_job

_MOST_MEMORY = 64 * 1024 * 1024
_MOST_SECONDS = 2.0
_SIGNATURE = {
    "task": "shop.next",
    "args": [1],
    "kwargs": {},
    "options": {"queue": "shop", "task_id": "t", "countdown": 1, "priority": 3},
    "subtask_type": None,
    "immutable": False,
}
_GROUP = {"task": "celery.group", "kwargs": {"tasks": [_SIGNATURE] * 3}, "subtask_type": "group"}
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lzma.compress,
    "application/zstd": bytes,
}


def entry(rng: random.Random) -> bytes:
    """A queue entry, more or less broken."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(200))
    kwargs = {"chatbot_id": "bot", "image": "media:a.png", "not_before": 1.9e9, "batch": "b"}
    embedded = {
        "callbacks": rng.choice([None, [_SIGNATURE], [_SIGNATURE] * 30, [_GROUP]]),
        "errbacks": rng.choice([None, [_SIGNATURE]]),
        "chain": rng.choice([None, [_SIGNATURE] * 3]),
        "chord": rng.choice([None, None, _SIGNATURE]),
    }
    headers: Any = {
        "task": rng.choice(["facelift.enqueue"] * 6 + ["facelift.upload", "other.task"]),
        "id": "job-1",
        "eta": rng.choice([None, "2026-01-31T12:00:00Z"]),
        "expires": rng.choice([None, "2036-01-31T12:00:00+02:00"]),
    }
    body: Any = [[], kwargs, embedded]
    if rng.random() < 0.2:
        body, headers = headers | embedded | {"args": [], "kwargs": kwargs}, {}
    text = json.dumps(_changed(rng, body)).encode()
    if rng.random() < 0.3:
        kind = rng.choice([*_PACKERS])
        headers["compression"] = kind
        text = _PACKERS[kind](rng.choice([text, text, bytes(rng.choice([10, 10**7]))]))
    properties = {"body_encoding": "base64", "delivery_tag": "tag", "priority": rng.randrange(12)}
    message = {
        "body": base64.b64encode(_flipped(rng, text)).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": properties,
    }
    return _flipped(rng, json.dumps(_changed(rng, message)).encode())


def _changed(rng: random.Random, value: Any) -> Any:
    """The value with some parts replaced, left out or doubled."""
    if rng.random() < 0.02:
        return _odd(rng)
    if isinstance(value, dict):
        pairs = [
            (rng.choice([*value, "__type__", "\x1b[2J"]) if rng.random() < 0.02 else name, each)
            for name, each in value.items()
            if rng.random() > 0.02
        ]
        return {name: _changed(rng, each) for name, each in pairs}
    if isinstance(value, list):
        return [_changed(rng, each) for each in value for _ in range(rng.choice([1] * 40 + [0, 2]))]
    return value


def _odd(rng: random.Random) -> Any:
    nested: Any = "x"
    for _ in range(rng.choice([3, 30, 300])):
        nested = [nested] if rng.random() < 0.5 else {"a": nested}
    return rng.choice(
        [
            *(None, True, 0, -1, 10**400, 1e308, float("nan"), float("inf"), "", " ", [], {}),
            *("\x00", "\x1b]0;x\x07", "\u202e", "\ud800", "../../etc", "x" * 5_000, [[]], {"": {}}),
            {"__type__": "datetime", "__value__": "soon"},
            {"__type__": "decimal", "__value__": [1]},
            {"__type__": ["uuid"], "__value__": {}},
            nested,
        ]
    )


def _flipped(rng: random.Random, data: bytes) -> bytes:
    """The data, a few times in ten with a byte flipped, cut off or repeated."""
    if not data or rng.random() < 0.8:
        return data
    at = rng.randrange(len(data))
    match rng.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + rng.randbytes(1) + data[at + 1 :]
        case 2:
            return data[:at] + data[at : at + 1] * rng.choice([2, 2_000, 400_000]) + data[at:]
        case _:
            return data[at:] + data[:at]


def check(item: bytes) -> str:
    """What becomes of an entry, in a word.

    Raises:
        AssertionError: it is neither taken within its bounds, nor refused with a sentence.
    """
    began = time.monotonic()
    try:
        message = read_message(item)
    except MessageRefused as refused:
        _check_sentence(refused.reason)
        return "refused"
    assert len(item) <= MOST_BYTES
    verdict = "taken"
    try:
        make_job(message)
    except InvalidJob:
        verdict = "invalid"
    except FaceliftError:
        verdict = "newer"
    for result in ("job", None):
        try:
            follow_ups = message.follow_ups
            entries = (
                follow_ups.after_success(message.id, result)
                if result
                else follow_ups.after_failure(message.id)
            )
        except ValueError as problem:
            _check_sentence(str(problem))
        else:
            assert len(entries) <= 10, entries
            assert sum(len(each.text) for each in entries) <= 40 * MOST_BYTES
    assert time.monotonic() - began < _MOST_SECONDS, item[:200]
    return verdict


def _check_sentence(text: str) -> None:
    assert text.isprintable(), ascii(text)
    assert 0 < len(text) < 300, text


def fuzz(seconds: float, seed: int) -> dict[str, int]:
    """Check entries for so long; how many there were of each kind."""
    rng = random.Random(seed)
    counts: dict[str, int] = {}
    tracemalloc.start()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            item = entry(rng)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            verdict = check(item)
            used = tracemalloc.get_traced_memory()[1] - before
            assert used < _MOST_MEMORY, (used, item[:200])
            counts[verdict] = counts.get(verdict, 0) + 1
    finally:
        tracemalloc.stop()
    return counts


if __name__ == "__main__":
    given = [*sys.argv[1:], "60", "0"]
    seconds, seed = float(given[0]), int(given[1]) if len(sys.argv) > 2 else time.time_ns()
    print(f"seed {seed}", flush=True)  # noqa: T201 - a command
    print(fuzz(seconds, seed))  # noqa: T201 - a command
