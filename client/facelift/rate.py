"""A rate as people write it: `100/10s`, at most 100 requests in any 10 seconds.

A value alone; keeping to it is the ledger's part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from facelift.durations import parse_duration, show_duration

_MOST_REQUESTS = 1_000_000
_SHORTEST, _LONGEST = 0.1, 86_400.0
_REQUESTS = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any window of `seconds`, wherever that begins.

    Attributes:
        requests: from 1 to 1,000,000.
        seconds: from 0.1 to a day.

    Raises:
        ValueError: one of them is out of its bounds.
    """

    requests: int
    seconds: float

    def __post_init__(self) -> None:
        if not 1 <= self.requests <= _MOST_REQUESTS:
            raise ValueError(f"must allow from 1 to {_MOST_REQUESTS} requests")
        if not _SHORTEST <= self.seconds <= _LONGEST:
            raise ValueError("must have a window from 100ms to 1d")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rate that `text` stands for.

        Raises:
            ValueError: it is none; says what would be right, and does not repeat it.
        """
        requests, slash, window = text.partition("/")
        seconds = parse_duration(window)
        if not (_REQUESTS.fullmatch(requests) and slash and seconds is not None):
            raise ValueError("must be requests/duration, such as 100/10s")
        return cls(int(requests), seconds)

    def __str__(self) -> str:
        return f"{self.requests}/{show_duration(self.seconds)}"
