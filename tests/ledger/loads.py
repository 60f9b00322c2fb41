"""Loads for simulated pools: who is sick, for how long, and how to read what came of it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from facelift.retry import RetryPolicy
from facelift.units import Rate
from tests.ledger.simulation import FINE, Answer, Endpoint, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.ledger.driver import Ledger
    from tests.ledger.simulation import Request

AT_ONCE = RetryPolicy(base=0.01, factor=1, cap=0.01, max_attempts=10**9)
FOR_EVER = RetryPolicy(max_attempts=10**9)
TEN_A_SECOND = Rate(100, 10)


def pool(
    ledger: Ledger,
    endpoint: Endpoint,
    *accounts: str,
    rate: Rate | None = TEN_A_SECOND,
    policy: RetryPolicy = FOR_EVER,
    slots: int = 200,
) -> Simulation:
    for account in accounts or ("default",):
        ledger.register(rate, account, key=f"key-of-{account}")
    return Simulation(ledger, Random(1), endpoint, policy=policy, slots=slots)


def sick(answer: Answer, chatbot: str, _second: float, _rng: Random) -> Answer:
    """Chatbots whose names begin with `bad` get this answer, all others are fine."""
    return answer if chatbot.startswith("bad") else FINE


def outage(
    answer: Answer, since: float, until: float, _chatbot: str, second: float, _rng: Random
) -> Answer:
    """Everybody gets this answer from a second of the run to another."""
    return answer if since <= second < until else FINE


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def seconds_of(simulation: Simulation, requests: Iterable[Request]) -> list[float]:
    start = simulation.ledger.now - simulation.second
    return [each.permitted - start for each in requests]


def most_at_once(requests: Iterable[Request]) -> int:
    """The most requests in flight at some moment."""
    changes = [change for each in requests for change in ((each.permitted, 1), (each.ended, -1))]
    flying = most = 0
    for _, change in sorted(changes):
        flying += change
        most = max(most, flying)
    return most


def attempts_used(simulation: Simulation) -> int:
    """Of all jobs of the ledger together."""
    redis, keys = simulation.ledger.redis, simulation.ledger.store.keys
    return sum(int(redis.hget(key, "attempts_used") or 0) for key in redis.keys(keys.job("*")))
