"""What the endpoint is and knows: its settings, and its state since the last reset."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.endpoint.request_log import RequestLog
from sandbox.endpoint.rules import RuleQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from facelift.units import Rate
    from sandbox.endpoint.rules import Rule


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What holds from start to end; a reset returns to these keys and rules."""

    api_keys: Sequence[str]
    rules: Sequence[Rule]
    known_chatbots: Collection[str]  # empty: every chatbot exists
    latency: float  # seconds before each response without a rule
    rate: Rate | None  # of each key
    log_size: int  # how many arrivals the log keeps


class EndpointState:
    """The state between two resets.

    Attributes:
        settings: what holds from start to end.
        rules: the rules that still apply.
        keys: the known API keys, and whether each is accepted. A rule's `key` is a
            position in this dictionary.
        log: the requests.
        limit: the rate limit, if there is one.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Return to the state of the start."""
        settings = self.settings
        self.rules = RuleQueue(settings.rules)
        self.keys = dict.fromkeys(settings.api_keys, True)
        self.log = RequestLog(settings.log_size)
        self.limit = RateLimit(settings.rate, time.monotonic) if settings.rate else None

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        busiest = self.limit.busiest if self.limit else {}
        return self.log.stats() | {
            "refused": self.limit.refused if self.limit else 0,
            "busiest": {key_label(key): most for key, most in busiest.items()},
        }


def key_label(key: str) -> str:
    """What is shown in place of a key: the first characters of its SHA-256."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:8]


class Verdict(NamedTuple):
    """The rate limit's decision on one request."""

    allowed: bool
    remaining: int  # how many more would be allowed at this moment
    wait: float  # seconds until the oldest counted request leaves the window


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
        now, recent = self._now(), self._recent[key]
        window_start = now - self._rate.seconds
        while recent and recent[0] <= window_start:
            recent.popleft()
        allowed = len(recent) < self._rate.requests
        recent.append(now)
        self.refused += not allowed
        self.busiest[key] = max(self.busiest[key], len(recent))
        counted = min(len(recent), self._rate.requests)
        return Verdict(allowed, self._rate.requests - counted, recent[-counted] - window_start)
