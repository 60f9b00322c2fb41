"""The stand-in's rate limit: a strict sliding window for each API key."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any window of `seconds`."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limit says of one request.

    Attributes:
        allowed: whether it is within the limit.
        remaining: how many more would be allowed at this moment.
        wait: seconds until the oldest request counted leaves the window.
    """

    allowed: bool
    remaining: int
    wait: float


class RateLimit:
    """Counts every request, also those that it refuses, so hammering never gets through."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._recent: defaultdict[str, deque[float]] = defaultdict(
            lambda: deque(maxlen=rate.requests)
        )

    def count(self, key: str) -> Verdict:
        """Count one request under this key and judge it."""
        now = self._now()
        recent = self._recent[key]
        window_start = now - self._rate.seconds
        allowed = len(recent) < self._rate.requests or recent[0] <= window_start
        recent.append(now)
        while recent[0] <= window_start:
            recent.popleft()
        return Verdict(
            allowed=allowed,
            remaining=self._rate.requests - len(recent),
            wait=recent[0] - window_start,
        )
