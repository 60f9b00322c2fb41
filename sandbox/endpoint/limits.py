"""The stand-in's rate limit: a strict sliding window for each API key."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.units import Rate

_MOST_IN_MEMORY = 1_000_000  # no rate allows more


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
    """Counts every request, also those that it refuses, so hammering never gets through.

    Attributes:
        refused: how many it refused.
        busiest: by key, the most requests that any one window held, refused ones too.
    """

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self.refused = 0
        self.busiest: Counter[str] = Counter()
        self._rate = rate
        self._now = now
        self._recent: defaultdict[str, deque[float]] = defaultdict(
            lambda: deque(maxlen=_MOST_IN_MEMORY)
        )

    def count(self, key: str) -> Verdict:
        """Count one request under this key and judge it."""
        now = self._now()
        recent = self._recent[key]
        window_start = now - self._rate.seconds
        while recent and recent[0] <= window_start:
            recent.popleft()
        allowed = len(recent) < self._rate.requests
        recent.append(now)
        self.refused += not allowed
        self.busiest[key] = max(self.busiest[key], len(recent))
        counted = min(len(recent), self._rate.requests)
        return Verdict(
            allowed=allowed,
            remaining=self._rate.requests - counted,
            wait=recent[-counted] - window_start,
        )
