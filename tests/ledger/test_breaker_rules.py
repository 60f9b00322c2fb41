"""The circuit breakers against a model in plain Python, while accounts come and go."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from facelift.units import Rate
from tests.ledger.domain_model import Breakers
from tests.ledger.driver import Ledger
from tests.ledger.loads import names, pool
from tests.ledger.simulation import BROKEN, FINE, REFUSED, Answer

if TYPE_CHECKING:
    from redis import Redis

kinds = st.sampled_from([FINE, BROKEN, REFUSED, "mixed"])
phases = st.lists(st.tuples(st.integers(2, 16), kinds), min_size=3, max_size=6)


def play(phases: list[tuple[int, Answer | str]], second: float, rng: Random) -> Answer:
    """The answer of an account whose state changes from time to time."""
    for lasts, kind in phases:
        if second < lasts:
            return rng.choice([FINE, BROKEN]) if isinstance(kind, str) else kind
        second -= lasts
    return FINE


def breakers_follow_the_rules(redis: Redis, examples: int) -> None:
    """Accounts whose endpoint comes and goes, each result against the model."""
    opened = 0

    @settings(
        max_examples=examples,
        phases=[Phase.generate],  # to shrink a run of thousands of steps takes minutes
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(plan=st.lists(phases, min_size=1, max_size=4), seed=st.integers(0, 2**32))
    def holds(plan: list[list[tuple[int, Answer | str]]], seed: int) -> None:
        nonlocal opened
        redis.flushall()
        accounts = tuple(f"a{number}" for number in range(len(plan)))
        by_account = dict(zip(accounts, plan, strict=True))

        def endpoint(chatbot: str, second: float, rng: Random) -> Answer:
            return play(by_account[chatbot[:2]], second, rng)

        chance = Random(seed)
        simulation = pool(Ledger(redis), endpoint, *accounts, rate=Rate(12, 3))
        breakers = Breakers(simulation, accounts)
        for account in accounts:
            simulation.enqueue(0, *names(account, 20), account=account)
            for number in range(20):
                second = chance.uniform(0, 45)
                simulation.enqueue(second, f"{account}-late-{number}", account=account)
        simulation.run(50)
        assert breakers.problems == []
        opened += len(breakers.opened)

    holds()
    assert opened


def test_breakers_open_and_close_as_the_rules_say(real_redis: Redis) -> None:
    breakers_follow_the_rules(real_redis, 4)


@pytest.mark.nightly
def test_breakers_open_and_close_as_the_rules_say_in_many_runs(real_redis: Redis) -> None:
    breakers_follow_the_rules(real_redis, 150)
