"""Chatbots whose last upload failed: what they may use, and what that costs the others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from tests.ledger.loads import (
    AT_ONCE,
    most_at_once,
    names,
    outage,
    pool,
    seconds_of,
    sick,
)
from tests.ledger.simulation import BROKEN, SILENT, Answer

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def test_suspects_get_a_fifth_of_the_permits_while_fresh_ones_wait(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, BROKEN), policy=AT_ONCE)
    simulation.enqueue(0, *names("bad", 30), *names("good", 200))
    simulation.run(18)
    later = [each for each in simulation.requests if each.permitted > simulated.now - 8]
    suspects = [each for each in later if each.failures]
    assert 0.1 * len(later) <= len(suspects) <= 0.2 * len(later) + 1
    for first in range(len(later) - 20):
        assert sum(each.failures > 0 for each in later[first : first + 20]) <= 5


def test_suspects_alone_use_the_whole_rate(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, BROKEN), policy=AT_ONCE)
    simulation.enqueue(0, *names("bad", 30))
    for second in range(20):
        simulation.enqueue(second, f"good-{second}")
    simulation.run(20)
    times = seconds_of(simulation, simulation.requests)
    assert sum(10 <= each < 20 for each in times) >= 90


def test_suspects_hold_at_most_a_quarter_of_the_slots(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, SILENT), rate=None, policy=AT_ONCE, slots=40)
    simulation.enqueue(0, *names("bad", 60))
    for second in range(100):
        simulation.enqueue(second, f"good-{second}")
    simulation.run(100)
    suspects = [each for each in simulation.requests if each.failures]
    assert 5 <= most_at_once(suspects) <= 10
    assert max(simulation.delays("good")[40:]) < 0.2


def test_account_fills_at_most_nine_tenths_of_the_slots(simulated: Ledger) -> None:
    simulation = pool(simulated, lambda *_: Answer(seconds=20), "a", "b", rate=None, slots=40)
    simulation.enqueue(0, *names("a", 80), account="a")
    simulation.enqueue(5, "b-1", account="b")
    simulation.run(30)
    assert most_at_once(each for each in simulation.requests if each.account == "a") == 36
    assert max(simulation.delays("b")) < 20.2


def test_first_request_is_short_under_pressure_and_a_suspects_is_not(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, SILENT), rate=None, slots=40)
    simulation.enqueue(0, *names("good", 5))
    for number in range(36):
        simulation.enqueue(1 + number / 10, f"bad-{number}")
    simulation.run(80)
    bad = [each for each in simulation.requests if each.chatbot.startswith("bad")]
    took = [round(each.ended - each.permitted) for each in bad if not each.failures]
    assert took[:14] == [30] * 14
    assert took[18:] == [5] * 18
    assert {round(each.ended - each.permitted) for each in bad if each.failures} == {30}


def test_endpoint_that_is_slow_for_all_loses_no_request(simulated: Ledger) -> None:
    simulation = pool(simulated, lambda *_: Answer(seconds=8), rate=None, slots=40)
    simulation.enqueue(0, *names("bot", 120))
    simulation.run(60)
    assert len(simulation.requests) == len(simulation.delivered) == 120


def test_pool_names_the_chatbots_that_fail_the_worst_first(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, BROKEN))
    simulation.enqueue(0, *names("bad", 12), *names("good", 3))
    for second in range(30):
        simulation.enqueue(second, f"good-late-{second}")
    simulation.run(30)
    account = simulated.store.pool.snapshot().account("default")
    assert account
    assert account.failing_chatbots == 12
    assert len(account.worst) == 10
    assert all(each.chatbot_id.startswith("bad") for each in account.worst)
    in_a_row = [each.failures for each in account.worst]
    assert in_a_row == sorted(in_a_row, reverse=True)
    assert in_a_row[0] >= 3
    assert {each.code for each in account.worst} == {OutcomeCode.SERVER_ERROR}


def test_chatbot_that_succeeds_is_not_among_the_failing_any_more(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 0, 3))
    simulation.enqueue(0, *names("bot", 4))
    simulation.run(2.9)
    assert simulated.store.pool.snapshot().accounts[0].failing_chatbots == 4
    simulation.run(20)
    assert len(simulation.delivered) == 4
    assert simulated.store.pool.snapshot().accounts[0].failing_chatbots == 0
