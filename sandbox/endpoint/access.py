"""Who may upload: the label that stands for an API key, and the rate limit of each key."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.units import Rate


def key_label(key: str) -> str:
    """What is shown in place of a key: the first characters of its SHA-256."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The limit's decision on one request.

    Attributes:
        allowed: whether it is within the limit.
        remaining: how many more would be allowed at this moment.
        wait: seconds until the oldest counted request leaves the window.
    """

    allowed: bool
    remaining: int
    wait: float


class RateLimit:
    """An exact sliding window for each key. Refused requests count too.

    Attributes:
        refused: how many it refused.
        busiest: by key, the most requests in any one window, refused ones included.
    """

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self.refused = 0
        self.busiest: Counter[str] = Counter()
        self._rate = rate
        self._now = now
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    def count(self, key: str) -> Verdict:
        """Count one request with this key and judge it."""
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
