"""Outages: when a breaker opens, what it costs the jobs, who probes, how it ends."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from facelift.status.pool import EventKind
from tests.ledger.domain_model import most_probes, open_breakers
from tests.ledger.loads import (
    attempts_used,
    names,
    outage,
    pool,
    seconds_of,
    sick,
)
from tests.ledger.simulation import BROKEN, Simulation

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def test_what_fails_while_a_breaker_is_open_uses_up_no_attempt(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 40))
    simulation.enqueue(0, *names("bot", 300))
    simulation.run(12)
    assert open_breakers(simulated.store.pool.snapshot()) == {"default"}
    before = simulation.counted
    simulation.run(25)
    assert simulation.counted == before


def test_attempts_before_it_opened_come_back_after_three_probes(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 40))
    simulation.enqueue(0, *names("bot", 300))
    simulation.run(30)
    assert simulation.counted >= 10
    assert attempts_used(simulation) == 0


def test_attempts_before_it_opened_stay_used_if_a_probe_succeeds(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 5.7))
    simulation.enqueue(0, *names("bot", 100))
    simulation.run(30)
    status = simulated.store.pool.snapshot()
    assert [each.kind for each in status.events] == [
        EventKind.BREAKER_CLOSED,
        EventKind.BREAKER_OPENED,
    ]
    assert attempts_used(simulation) >= 10 + len(simulation.delivered)


def test_probes_get_rarer_and_take_chatbots_that_have_not_failed(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 100))
    simulation.enqueue(0, *names("bot", 400))
    simulation.run(100)
    opened = opened_at(simulation)
    probes = [
        (second, each)
        for second, each in zip(
            seconds_of(simulation, simulation.requests), simulation.requests, strict=True
        )
        if second > opened
    ]
    for (one, _), (other, _) in pairwise(probes):
        gap = max(1.0, (one - opened) / 10)
        assert gap - 0.05 <= other - one <= gap + 0.7
    assert {request.failures for _, request in probes} == {0}
    assert any(int(request.chatbot[4:]) < 350 for _, request in probes)
    assert any(int(request.chatbot[4:]) > 390 for _, request in probes)


def opened_at(simulation: Simulation) -> float:
    events = simulation.ledger.store.pool.snapshot(200).events
    (opened,) = [each.at for each in events if each.kind is EventKind.BREAKER_OPENED]
    return opened - simulation.ledger.now + simulation.second


def test_fresh_arrival_probes_at_once_and_its_success_closes_it(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, BROKEN))
    simulation.enqueue(0, *names("bad", 30))
    simulation.run(60.4)
    assert open_breakers(simulated.store.pool.snapshot()) == {"default"}
    simulation.enqueue(60.5, "good-1")
    simulation.run(1)
    assert max(simulation.delays("good")) < 0.2
    assert open_breakers(simulated.store.pool.snapshot()) == set()


def test_arrivals_during_an_outage_are_few_requests(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 100))
    simulation.enqueue(0, *names("bot", 100))
    for second in range(10, 60):
        simulation.enqueue(second, *names(f"new-{second}", 5))
    simulation.run(60)
    opened = opened_at(simulation)
    times = [each for each in seconds_of(simulation, simulation.requests) if each > opened]
    for end in range(8, 60, 4):
        sent = sum(each <= end for each in times)
        assert sent <= most_probes(end - opened) + 1
    new = [each for each in simulation.requests if each.chatbot.startswith("new")]
    # Three at once; the ordinary probe may be one of them too.
    assert len([each for each in new if each.permitted < simulated.now - 49.5]) in {3, 4}


def test_backlog_of_an_outage_is_spaced_and_uses_the_rate(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 20))
    simulation.enqueue(0, *names("bot", 300))
    simulation.run(42)
    first = min(simulation.delivered.values())
    assert first < 20 + 2.5
    times = [each - first for each in seconds_of(simulation, simulation.requests)]
    assert sum(0 <= each < 1 for each in times) <= 16
    assert sum(0 <= each < 15 for each in times) >= 0.98 * 150
