"""Durations and rates as people write them: `500ms`, `30s` or `30`, `24h`; `100/10s`.

A rate is a value alone; the ledger enforces it.
"""

import re
from dataclasses import dataclass
from typing import Self

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_UNITS)})?"
_MAX_REQUESTS = 1_000_000
_SHORTEST, _LONGEST = 0.1, 86_400.0
_REQUESTS = r"[0-9]{1,7}"


def parse_duration(text: str) -> float | None:
    """The seconds that `text` names; None if it is not a duration."""
    match = re.fullmatch(_DURATION, text)
    return float(match[1]) * _UNITS[match[2] or "s"] if match else None


def show_duration(seconds: float) -> str:
    """The same in the largest unit that needs no fraction, else in seconds."""
    unit = next((u for u in reversed(_UNITS) if seconds and seconds % _UNITS[u] == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any window of `seconds`, wherever the window begins.

    Attributes:
        requests: from 1 to 1,000,000.
        seconds: from 0.1 to a day.

    Raises:
        ValueError: one of them is out of bounds.
    """

    requests: int
    seconds: float

    def __post_init__(self) -> None:
        if not 1 <= self.requests <= _MAX_REQUESTS:
            raise ValueError(f"must allow from 1 to {_MAX_REQUESTS} requests")
        if not _SHORTEST <= self.seconds <= _LONGEST:
            raise ValueError("must have a window from 100ms to 1d")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rate such as `100/10s`.

        Raises:
            ValueError: `text` is not a rate; the message shows the form and does not repeat `text`.
        """
        requests, slash, window = text.partition("/")
        seconds = parse_duration(window)
        if not (re.fullmatch(_REQUESTS, requests) and slash and seconds is not None):
            raise ValueError("must be requests/duration, such as 100/10s")
        return cls(int(requests), seconds)

    def __str__(self) -> str:
        return f"{self.requests}/{show_duration(self.seconds)}"
