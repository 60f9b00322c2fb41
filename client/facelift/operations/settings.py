"""Reads the environment variables that producers share with the workers."""

import os
import re
from collections.abc import Callable
from typing import TypedDict, TypeVar

from facelift.errors import InvalidSettings
from facelift.ledger.connection import DEFAULT_REDIS_URL
from facelift.ledger.keys import DEFAULT_PREFIX, Keys
from facelift.ledger.urls import check_redis_url
from facelift.units import parse_duration, show_duration

_T = TypeVar("_T")

DAY = 86_400.0
DEFAULT_DEADLINE = DEFAULT_WINDOW = "24h"
DURATION_BOUNDS = (1.0, 30 * DAY)
"""Seconds; the least and the most that a deadline or an idempotency window may be set to."""
CALL_TIMEOUT = 5.0
MAX_CONNECTIONS = 50
CALL_TIMEOUT_BOUNDS = (0.1, 300.0)
MOST_CONNECTIONS = 10_000
"""What a client's limits may be set to; times are seconds."""


class ClientSettings(TypedDict):
    """The arguments of a client that come from the environment; times are seconds."""

    redis_url: str
    key_prefix: str
    lifetime: float
    idempotency_window: float
    call_timeout: float
    max_connections: int


def settings_from_env() -> ClientSettings:
    """The arguments of a client; see `UploadClient.from_env`.

    Raises:
        InvalidSettings: some are wrong; lists every problem.
    """
    problems = []

    def read(variable: str, default: str, check: Callable[[str], _T]) -> _T | None:
        try:
            return check(os.environ.get(variable, "").strip() or default)
        except ValueError as problem:
            problems.append(f"{variable} {problem}")
            return None

    redis_url = read("FACELIFT_REDIS_URL", DEFAULT_REDIS_URL, check_redis_url)
    keys = read("FACELIFT_KEY_PREFIX", DEFAULT_PREFIX, Keys)
    lifetime = read("FACELIFT_DEADLINE", DEFAULT_DEADLINE, _duration)
    window = read("FACELIFT_IDEMPOTENCY_WINDOW", DEFAULT_WINDOW, _duration)
    timeout = read("FACELIFT_CALL_TIMEOUT", show_duration(CALL_TIMEOUT), _call_timeout)
    connections = read("FACELIFT_MAX_CONNECTIONS", str(MAX_CONNECTIONS), _max_connections)
    if redis_url is None or keys is None or lifetime is None or window is None:
        raise InvalidSettings(problems)
    if timeout is None or connections is None:
        raise InvalidSettings(problems)
    return {
        "redis_url": redis_url,
        "key_prefix": keys.prefix,
        "lifetime": lifetime,
        "idempotency_window": window,
        "call_timeout": timeout,
        "max_connections": connections,
    }


def _duration(text: str) -> float:
    return _within(DURATION_BOUNDS, text, DEFAULT_DEADLINE)


def _call_timeout(text: str) -> float:
    return _within(CALL_TIMEOUT_BOUNDS, text, show_duration(CALL_TIMEOUT))


def _within(bounds: tuple[float, float], text: str, example: str) -> float:
    shortest, longest = bounds
    seconds = parse_duration(text)
    if seconds is None or not shortest <= seconds <= longest:
        raise ValueError(
            f"must be a duration from {show_duration(shortest)} to {show_duration(longest)}, "
            f"such as {example}"
        )
    return seconds


def _max_connections(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= MOST_CONNECTIONS:
        raise ValueError(f"must be a whole number from 1 to {MOST_CONNECTIONS}")
    return int(text)
