"""What trouble costs the others, in simulated time; `make bench` measures the same with workers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from facelift.status.pool import EventKind
from tests.ledger.loads import (
    attempts_used,
    names,
    outage,
    pool,
    seconds_of,
    sick,
)
from tests.ledger.plain_backoff import delivered_by_plain_backoff
from tests.ledger.simulation import BROKEN, FINE, REFUSED, SILENT, Answer, Endpoint

if TYPE_CHECKING:
    from random import Random

    from tests.ledger.driver import Ledger
    from tests.ledger.simulation import Simulation

LATE = Answer(seconds=28)
night = pytest.mark.nightly


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]


def beside(
    ledger: Ledger, answer: Answer, sick_ones: int, *, account: str, first: float, goods: int = 60
) -> list[float]:
    """The delays of good uploads, one a second from a second on, beside sick chatbots."""
    ledger.redis.flushall()
    simulation = pool(ledger, partial(sick, answer), "default", "other")
    simulation.enqueue(0, *names("bad", sick_ones), account=account)
    for number in range(goods):
        simulation.enqueue(first + number + 0.001, f"good-{number}")
    simulation.run(first + goods + sick_ones / 10 + 30)
    return simulation.delays("good")


@pytest.mark.parametrize("first", [0, 120])
@pytest.mark.parametrize(
    ("answer", "sick_ones", "account", "allowed"),
    [
        (BROKEN, 15, "default", 0.5),
        (BROKEN, 60, "default", 0.5),
        (BROKEN, 300, "default", 0.5),
        (BROKEN, 300, "other", 0.2),
        (SILENT, 15, "default", 1),
        (SILENT, 60, "default", 1),
        (SILENT, 300, "default", 1),
        (SILENT, 300, "other", 0.3),
        (LATE, 1000, "other", 0.3),
    ],
)
@night
def test_sick_chatbots_delay_good_uploads_hardly(
    simulated: Ledger, answer: Answer, sick_ones: int, *, account: str, allowed: float, first: int
) -> None:
    usual = beside(simulated, FINE, sick_ones, account=account, first=first)
    delays = beside(simulated, answer, sick_ones, account=account, first=first)
    assert p99([late - on_time for late, on_time in zip(delays, usual, strict=True)]) < allowed


@pytest.mark.parametrize("answer", [BROKEN, SILENT], ids=["500", "never"])
def test_sick_chatbots_delay_good_uploads_hardly_in_short(
    simulated: Ledger, answer: Answer
) -> None:
    usual = beside(simulated, FINE, 60, account="default", first=0, goods=30)
    delays = beside(simulated, answer, 60, account="default", first=0, goods=30)
    assert p99([late - on_time for late, on_time in zip(delays, usual, strict=True)]) < 0.5


@pytest.mark.parametrize(
    ("answer", "jobs", "seconds"),
    [
        (BROKEN, 600, 45),
        *(pytest.param(answer, 10_000, 300, marks=night) for answer in (FINE, BROKEN, SILENT)),
    ],
)
def test_import_with_sick_chatbots_delays_no_single_upload(
    simulated: Ledger, answer: Answer, jobs: int, seconds: int
) -> None:
    def endpoint(chatbot: str, _second: float, _rng: Random) -> Answer:
        return answer if chatbot.startswith("import") and chatbot[-1] in "036" else FINE

    simulation = pool(simulated, endpoint)
    simulation.enqueue(0, *names("import", jobs), batch="import")
    for second in range(20, min(seconds - 1, 90)):
        simulation.enqueue(second, f"click-{second}")
    simulation.run(seconds)
    assert p99(simulation.delays("click")) < 0.5
    imported = sum(chatbot.startswith("import") for chatbot in simulation.delivered)
    assert imported >= 10 * seconds / 2


@pytest.mark.parametrize("account", ["default", "other"])
@night
def test_more_than_the_workers_can_do_delays_no_single_upload(
    simulated: Ledger, account: str
) -> None:
    takes, slots, jobs = 2, 200, 15_000
    simulation = pool(
        simulated, lambda *_: Answer(seconds=takes), "default", "other", rate=None, slots=slots
    )
    simulation.enqueue(0, *names("import", jobs), batch="import")
    for second in range(10, 60):
        simulation.enqueue(second + 0.3, f"click-{second}", account=account)
    simulation.run(70)
    assert p99(simulation.delays("click")) < takes + 1
    assert len(simulation.delivered) > 0.8 * 70 * slots / takes


@pytest.mark.parametrize("accounts", [300, pytest.param(50_000, marks=night)])
def test_made_up_accounts_delay_nobody(simulated: Ledger, accounts: int) -> None:
    simulation = pool(simulated, partial(sick, FINE))
    for number in range(accounts):
        simulation.enqueue(0, f"stray-{number}", account=f"made-up-{number}")
    for second in range(1, 40):
        simulation.enqueue(second, f"good-{second}")
    simulation.run(45)
    assert p99(simulation.delays("good")) < 0.5


def test_chatbots_that_fail_three_times_are_not_taken_for_an_outage(simulated: Ledger) -> None:
    failures: dict[str, int] = {}

    def endpoint(chatbot: str, _second: float, _rng: Random) -> Answer:
        failures[chatbot] = failures.get(chatbot, 0) + 1
        return FINE if failures[chatbot] > 3 else BROKEN

    simulation = pool(simulated, endpoint, rate=None)
    simulation.enqueue(0, *names("bot", 40))
    simulation.run(60)
    assert max(simulation.delays("bot")) < 12


def delivers(
    ledger: Ledger, endpoint: Endpoint, jobs: int, seconds: float, slots: int = 200
) -> tuple[Simulation, float]:
    """What share of what plain backoff delivers in the same time this delivers."""
    ledger.redis.flushall()
    simulation = pool(ledger, endpoint, slots=slots)
    simulation.enqueue(0, *names("bot", jobs))
    simulation.run(seconds)
    plain = delivered_by_plain_backoff(endpoint, jobs, seconds, slots=slots)
    return simulation, len(simulation.delivered) / len(plain)


def loses(share: float, answer: Answer, _chatbot: str, _second: float, rng: Random) -> Answer:
    """This share of the requests gets this answer."""
    return answer if rng.random() < share else FINE


def slows_down(takes: float, at: float, _chatbot: str, second: float, _rng: Random) -> Answer:
    """Every answer takes so long from a second of the run on."""
    return Answer(seconds=takes) if second >= at else FINE


@pytest.mark.parametrize("slots", [200, 100, 50])
@pytest.mark.parametrize("takes", [6, 10, 20])
@night
def test_endpoint_that_is_slow_for_all_delivers_what_plain_backoff_does(
    simulated: Ledger, takes: int, slots: int
) -> None:
    endpoint = partial(slows_down, takes, 0)
    assert delivers(simulated, endpoint, 5_000, 300, slots)[1] >= 0.85


@pytest.mark.parametrize("slots", [200, 50])
@pytest.mark.parametrize("takes", [3, 8, 15, 25])
@night
def test_endpoint_that_gets_slow_for_all_delivers_what_plain_backoff_does(
    simulated: Ledger, takes: int, slots: int
) -> None:
    endpoint = partial(slows_down, takes, 60)
    assert delivers(simulated, endpoint, 5_000, 400, slots)[1] >= 0.85


@pytest.mark.parametrize("slots", [200, 50])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
@night
def test_endpoint_that_loses_answers_delivers_what_plain_backoff_does(
    simulated: Ledger, share: float, slots: int
) -> None:
    assert delivers(simulated, partial(loses, share, SILENT), 5_000, 400, slots)[1] >= 0.85


@pytest.mark.nightly  # half a minute
def test_slow_endpoint_with_few_slots_delivers_what_plain_backoff_does(simulated: Ledger) -> None:
    for endpoint in (partial(slows_down, 10, 20), partial(loses, 0.3, SILENT)):
        assert delivers(simulated, endpoint, 600, 90, 50)[1] >= 0.85


@pytest.mark.parametrize(
    ("share", "jobs", "seconds"),
    [(0.6, 400, 60), *(pytest.param(share, 10_000, 300, marks=night) for share in (0.3, 0.6))],
)
def test_brown_out_delivers_what_plain_backoff_does(
    simulated: Ledger, share: float, jobs: int, seconds: int
) -> None:
    simulation, delivered = delivers(simulated, partial(loses, share, BROKEN), jobs, seconds)
    assert delivered >= 0.9
    events = simulation.ledger.store.pool.snapshot(200).events
    assert EventKind.BREAKER_OPENED not in {each.kind for each in events}


@night
def test_brown_out_of_nine_tenths_sends_most_of_the_requests(simulated: Ledger) -> None:
    # A pause without a success opens the breaker now and then; a simulation of the rules alone
    # delivers 90% of what plain backoff does on average, and 60% at worst.
    simulation, _ = delivers(simulated, partial(loses, 0.9, BROKEN), 10_000, 300)
    assert len(simulation.requests) >= 0.55 * 3_000


@pytest.mark.parametrize(
    ("answer", "arrivals", "jobs"),
    [
        (BROKEN, 5, 900),
        *(
            pytest.param(answer, arrivals, 10_000, marks=night)
            for answer in (BROKEN, REFUSED)
            for arrivals in (0, 5)
        ),
    ],
)
def test_outage_of_a_minute_costs_few_requests_and_nobody_an_attempt(
    simulated: Ledger, answer: Answer, arrivals: int, jobs: int
) -> None:
    simulation = pool(simulated, partial(outage, answer, 5.0, 65.0))
    simulation.enqueue(0, *names("bot", jobs))
    for number in range(60 * arrivals):
        simulation.enqueue(5 + number / arrivals, f"new-{number}")
    simulation.run(105)
    times = seconds_of(simulation, simulation.requests)
    assert sum(15 <= each < 65 for each in times) <= 45
    back = min(each for each in simulation.delivered.values() if each >= 65)
    assert back <= 65 + 7
    assert sum(back + 1 <= each < 105 for each in times) >= 0.98 * 10 * (104 - back)
    assert not simulation.failed
    assert attempts_used(simulation) == len(simulation.delivered)


@night
def test_outage_of_ten_minutes_is_over_within_a_tenth_of_its_length(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(outage, BROKEN, 5.0, 605.0))
    simulation.enqueue(0, *names("bot", 3_000))
    simulation.run(700)
    assert min(each for each in simulation.delivered.values() if each >= 605) <= 605 + 60


@night
def test_slow_chatbots_are_all_delivered_in_the_end(simulated: Ledger) -> None:
    simulation = pool(simulated, partial(sick, LATE))
    simulation.enqueue(0, *names("bad", 300))
    for second in range(300):
        simulation.enqueue(second, f"good-{second}")
    simulation.run(600)
    assert len(simulation.delivered) == 600
