"""Accounts and the endpoint: whose trouble it is, and who is left alone."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest

from facelift.codes import WaitReason
from facelift.status.pool import EventKind
from facelift.units import Rate
from tests.ledger.domain_model import open_breakers
from tests.ledger.loads import (
    TEN_A_SECOND,
    names,
    pool,
    sick,
)
from tests.ledger.simulation import BROKEN, FINE, REFUSED, Simulation

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def test_one_accounts_outage_opens_its_own_breaker_alone(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, BROKEN), "a", "b")
    simulation.enqueue(0, *names("bad", 60), account="a")
    for second in range(20):
        simulation.enqueue(second + 0.01, f"good-{second}", account="b")
    simulation.run(20)
    status = simulated.store.pool.snapshot()
    assert open_breakers(status) == {"a"}
    assert max(simulation.delays("good")) < 0.2
    assert [(each.kind, each.account) for each in status.events] == [
        (EventKind.BREAKER_OPENED, "a")
    ]
    waits = {simulated.get(simulation.jobs[name]).wait_reason for name in names("bad", 60)}
    assert waits & {WaitReason.ACCOUNT_FAILING} == {WaitReason.ACCOUNT_FAILING}


@pytest.mark.parametrize(
    ("failing", "active", "expected"), [(2, 2, False), (3, 3, True), (3, 4, True), (3, 7, False)]
)
def test_endpoint_is_down_when_most_of_three_or_more_accounts_fail(
    simulated: Ledger, failing: int, active: int, *, expected: bool
) -> None:
    accounts = [f"a{number}" for number in range(active)]
    bad = tuple(accounts[:failing])
    simulation = pool(
        simulated, lambda chatbot, *_: BROKEN if chatbot[:2] in bad else FINE, *accounts
    )
    for account in accounts:
        simulation.enqueue(0, *names(account, 14), account=account)
        if account not in bad and active != failing + 1:
            simulation.enqueue(11, *names(f"{account}-late", 3), account=account)
    simulation.run(12)
    found = open_breakers(simulated.store.pool.snapshot())
    assert found - {"endpoint"} == set(bad)
    assert ("endpoint" in found) == expected


@pytest.mark.parametrize(("chatbots", "expected"), [(4, False), (5, True)])
def test_endpoint_is_down_when_five_chatbots_get_no_answer(
    simulated: Ledger, chatbots: int, *, expected: bool
) -> None:
    simulation = pool(simulated, lambda *_: REFUSED)
    simulation.enqueue(0, *names("bot", chatbots))
    simulation.run(40)
    found = open_breakers(simulated.store.pool.snapshot())
    assert ("endpoint" in found) == expected


def test_answers_to_others_prove_that_the_endpoint_is_up(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, REFUSED), "a", "b")
    simulation.enqueue(0, *names("bad", 30), account="a")
    for second in range(20):
        simulation.enqueue(second + 0.01, f"good-{second}", account="b")
    simulation.run(20)
    assert "endpoint" not in open_breakers(simulated.store.pool.snapshot())
    assert max(simulation.delays("good")) < 0.2


def test_accounts_with_one_key_are_one_domain(simulated: Ledger) -> None:
    for account in ("a", "b", "c"):
        simulated.register(Rate(3, 10), account, key="one" if account < "c" else "another")
    simulation = Simulation(simulated, Random(1))
    for account in ("a", "b", "c"):
        simulation.enqueue(0, *names(account, 9), account=account)
    simulation.run(5)
    of_key = [each for each in simulation.requests if each.account != "c"]
    assert len(of_key) == 3
    assert len(simulation.requests) == 6
    shared = {each.name: each.shares_key_with for each in simulated.store.pool.snapshot().accounts}
    assert shared == {"a": ("b",), "b": ("a",), "c": ()}
    simulated.store.pool.pause("b", by="ann", reason="", until=None)
    simulation.run(15)
    assert len([each for each in simulation.requests if each.account != "c"]) == 3
    simulated.store.pool.resume("a", by="ann")
    simulation.run(65)
    assert len(simulation.delivered) == 27


def test_accounts_that_nobody_registered_wait_in_one_bounded_queue(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, FINE), "a")
    for number in range(200):
        simulation.enqueue(0, f"stray-{number}", account=f"made-up-{number}")
    simulation.enqueue(1, "good-1", account="a")
    simulation.run(5)
    assert max(simulation.delays("good")) < 0.2
    assert simulation.longest_queue <= 20
    record = simulated.get(simulation.jobs["stray-150"])
    assert record.wait_reason == WaitReason.UNKNOWN_ACCOUNT
    assert simulated.redis.zcard(simulated.store.keys.schedule) <= 200 + 5
    assert {each.name for each in simulated.store.pool.snapshot().accounts} == {"a"}
    simulated.register(TEN_A_SECOND, "made_up_7", key="new")
    simulation.run(15)
    assert "stray-7" in simulation.delivered
