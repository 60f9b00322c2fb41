"""Reads the environment variables that producers share with the workers."""

import os
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


class ClientSettings(TypedDict):
    """The arguments of a client that come from the environment; times are seconds."""

    redis_url: str
    key_prefix: str
    lifetime: float
    idempotency_window: float


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
    if redis_url is None or keys is None or lifetime is None or window is None:
        raise InvalidSettings(problems)
    return {
        "redis_url": redis_url,
        "key_prefix": keys.prefix,
        "lifetime": lifetime,
        "idempotency_window": window,
    }


def _duration(text: str) -> float:
    shortest, longest = DURATION_BOUNDS
    seconds = parse_duration(text)
    if seconds is None or not shortest <= seconds <= longest:
        raise ValueError(
            f"must be a duration from {show_duration(shortest)} to {show_duration(longest)}, "
            f"such as {DEFAULT_DEADLINE}"
        )
    return seconds
