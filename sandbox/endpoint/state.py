"""What the endpoint is and knows: its settings, and its state since the last reset."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.endpoint.access import RateLimit, key_label
from sandbox.endpoint.request_log import RequestLog
from sandbox.endpoint.rules import RuleQueue

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from facelift.units import Rate
    from sandbox.endpoint.rules import Rule


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What holds from start to end.

    Attributes:
        api_keys: the keys accepted at first, and again after a reset.
        rules: the rules at first, and again after a reset.
        known_chatbots: the chatbots that exist; None if every one does.
        latency: seconds before each response without a rule.
        rate: the rate limit of each key; None for no limit.
        log_size: how many arrivals the log keeps.
    """

    api_keys: Sequence[str]
    rules: list[Rule]
    known_chatbots: Collection[str] | None = None
    latency: float = 0.0
    rate: Rate | None = None
    log_size: int = 100_000


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

    rules: RuleQueue
    keys: dict[str, bool]
    log: RequestLog
    limit: RateLimit | None

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Return to the state of the start."""
        settings = self.settings
        self.rules = RuleQueue()
        self.rules.add(settings.rules)
        self.keys = dict.fromkeys(settings.api_keys, True)
        self.log = RequestLog(settings.log_size, now=time.monotonic, wall=time.time)
        self.limit = RateLimit(settings.rate, time.monotonic) if settings.rate else None

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        busiest = self.limit.busiest if self.limit else {}
        return self.log.stats() | {
            "refused": self.limit.refused if self.limit else 0,
            "busiest": {key_label(key): most for key, most in busiest.items()},
        }
