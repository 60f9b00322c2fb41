"""The state of the endpoint, and its rate limit."""

import hashlib
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from facelift.units import Rate
from sandbox.endpoint.request_log import RequestLog
from sandbox.endpoint.rules import Rule, RuleQueue


@dataclass(eq=False)
class EndpointState:
    """What the endpoint is, and what it knows since the last reset.

    The fields hold from start to end; a reset returns the attributes to what they say.

    Attributes:
        rules: the rules that still apply.
        keys: the known API keys, and whether each is accepted. A rule's `key` is a
            position in this dictionary.
        log: the requests.
        limit: the rate limit, if there is one.

    Raises:
        InvalidRules: one of the first rules would never apply.
    """

    api_keys: Sequence[str]
    first_rules: Sequence[Rule]
    known_chatbots: Collection[str]  # empty: every chatbot exists
    latency: float  # seconds before each response without a rule
    rate: Rate | None  # of each key
    log_size: int  # how many arrivals the log keeps

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Return to the state of the start."""
        self.rules = RuleQueue(self.first_rules)
        self.keys = dict.fromkeys(self.api_keys, True)
        self.log = RequestLog(self.log_size)
        self.limit = RateLimit(self.rate, time.monotonic) if self.rate else None

    def knows(self, chatbot_id: str) -> bool:
        """Whether this chatbot exists."""
        return not self.known_chatbots or chatbot_id in self.known_chatbots

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
