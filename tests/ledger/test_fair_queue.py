"""The fair queue of an account: flows take turns by weight, and nobody waits behind an import."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facelift.codes import JobState
from facelift.job import Priority
from facelift.units import Rate
from tests.ledger.driver import Ledger
from tests.ledger.fairness import WEIGHTS, Flow, Service, unfairness
from tests.ledger.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis import Redis

    from facelift.record import JobRecord

PER_SECOND = Rate(10, 1)


def simulate(ledger: Ledger, *flows: Flow, rate: Rate | None = PER_SECOND) -> Simulation:
    """A pool that lets nothing but the rate wait, with all that these flows will enqueue."""
    ledger.register(rate)
    simulation = Simulation(ledger, Random(1), busy=0)
    for flow in flows:
        simulation.enqueue(flow.begins, *flow.chatbots, batch=flow.name, priority=flow.priority)
    return simulation


def served(simulation: Simulation, first: float = 0.0) -> list[Service]:
    """Who got a permit when, from a second of the run on."""
    start = simulation.ledger.now - simulation.second
    services = [(each.permitted - start, each.chatbot) for each in simulation.requests]
    return [service for service in services if service[0] >= first]


def by_flow(services: Iterable[Service]) -> Counter[str]:
    return Counter(chatbot.rpartition("-")[0] for _, chatbot in services)


@st.composite
def loads(draw: st.DrawFn) -> list[Flow]:
    """Two to five flows that begin at some time."""
    priorities = st.sampled_from(sorted(WEIGHTS))
    return [
        Flow(
            f"flow{n}", draw(priorities), draw(st.integers(1, 40)), draw(st.integers(0, 6)) + n / 9
        )
        for n in range(draw(st.integers(2, 5)))
    ]


def flows_get_their_shares(redis: Redis, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(flows=loads())
    def holds(flows: list[Flow]) -> None:
        redis.flushall()
        simulation = simulate(Ledger(redis), *flows)
        simulation.run(7 + sum(flow.jobs for flow in flows) / 9)
        assert list(unfairness(flows, served(simulation))) == []

    holds()


def test_flows_that_wait_get_their_shares_in_their_order(real_redis: Redis) -> None:
    flows_get_their_shares(real_redis, 6)


@pytest.mark.nightly
def test_flows_that_wait_get_their_shares_in_many_runs(redis_client: Redis) -> None:
    flows_get_their_shares(redis_client, 3 if isinstance(redis_client, FakeRedis) else 100)


def test_weights_hold_within_five_percent(simulated: Ledger) -> None:
    flows = [Flow(priority, priority, 100) for priority in WEIGHTS]
    simulation = simulate(simulated, *flows)
    simulation.run(17)
    counts = by_flow(served(simulation, 1)[:140])
    for priority, weight in WEIGHTS.items():
        assert counts[priority] == pytest.approx(140 * weight / 7, rel=0.05)


def test_idle_flow_starts_at_the_present_without_credit(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("busy", "normal", 150), Flow("idle", "normal", 40, 8.01))
    simulation.run(12)
    assert by_flow(served(simulation, 8.01)[:30])["idle"] in range(13, 18)


def test_flow_that_enqueues_one_job_at_a_time_gets_no_more_than_its_share(
    simulated: Ledger,
) -> None:
    simulation = simulate(simulated, Flow("backlog", "high", 120))
    mine = iter(range(1_000))

    def enqueue_the_next() -> None:
        simulation.enqueue(simulation.second, f"sly-{next(mine)}", batch="sly", priority="low")

    def go_on(record: JobRecord) -> None:
        if record.batch == "sly":
            enqueue_the_next()

    simulation.on_delivered = go_on
    simulation.at(2, enqueue_the_next)
    simulation.run(11)
    counts = by_flow(served(simulation, 2))
    assert 1 <= counts["sly"] <= sum(counts.values()) / 5 + 1


def test_single_upload_goes_at_once_beside_an_import_at_the_full_rate(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("import", "normal", 300), rate=Rate(100, 10))
    for second in range(8, 18):
        simulation.enqueue(second, f"click-{second}")
    simulation.run(19)
    assert max(simulation.delays("click")) < 0.5


def test_small_batch_ends_within_twice_its_time_alone(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("large", "normal", 200), Flow("small", "normal", 10, 5))
    simulation.run(9)
    assert max(simulation.delays("small")) <= 2 * 10 / 10 + 0.2


@pytest.mark.nightly
def test_batch_of_ten_ends_within_twice_its_time_beside_a_thousand(simulated: Ledger) -> None:
    flows = Flow("large", "normal", 1_000), Flow("small", "normal", 10, 20)
    simulation = simulate(simulated, *flows, rate=Rate(100, 10))
    simulation.run(110)
    assert max(simulation.delays("small")) <= 2 * 10 / 10 + 0.2
    assert len(simulation.delivered) == 1_010


def test_fairness_key_is_a_flow_across_batches(simulated: Ledger) -> None:
    simulation = simulate(simulated)
    for batch in range(4):
        names = [f"many-{batch}{n:02}" for n in range(20)]
        simulation.enqueue(0, *names, batch=f"b{batch}", fairness_key="customer-1")
    simulation.enqueue(
        0.01, *[f"one-{n}" for n in range(30)], batch="b0", fairness_key="customer-2"
    )
    simulation.run(6)
    counts = by_flow(served(simulation, 1)[:40])
    assert abs(counts["many"] - counts["one"]) <= 2


def test_newer_image_wins_whatever_its_priority(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("backlog", "normal", 40))
    older = simulated.enqueue("mind", priority="high", batch="a")
    newer = simulated.enqueue("mind", priority="low", batch="b")
    simulation.run(10)
    assert simulated.state(newer) is JobState.SUCCEEDED
    assert simulated.get(older).superseded_by == newer
    assert [chatbot for _, chatbot in served(simulation)].count("mind") == 1


def test_newer_urgent_image_does_not_wait_with_the_older_one(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("backlog", "low", 80), Flow("other", "normal", 40))
    simulation.run(1)
    simulated.enqueue("mind", priority="low", batch="backlog")
    urgent = simulated.enqueue("mind", priority="high")
    simulation.run(1.5)
    assert simulated.state(urgent) is JobState.SUCCEEDED


def test_chatbot_whose_image_changes_often_does_not_wait_for_ever(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("backlog", "normal", 20))
    simulation.run(1)
    for change in range(6):
        simulation.enqueue(1 + change / 2, "restless", batch="backlog", image=f"media:{change}.png")
    simulation.run(3)
    assert "restless" in simulation.delivered


def test_job_moved_to_a_higher_priority_goes_soon(simulated: Ledger) -> None:
    simulation = simulate(simulated, Flow("backlog", "low", 60), Flow("other", "normal", 60))
    simulation.run(1)
    last = simulated.enqueue("last", batch="backlog", priority="low")
    assert simulated.store.set_priority(last, Priority.HIGH) == "set"
    assert simulated.get(last).priority == Priority.HIGH
    assert simulated.store.set_priority(last, Priority.HIGH) == "unchanged"
    simulation.run(1)
    assert simulated.state(last) is JobState.SUCCEEDED
    assert simulated.store.set_priority(last, Priority.LOW) == "ended"
    assert simulated.store.set_priority("nobody", Priority.LOW) == "unknown"
    simulation.run(15)
    assert len(simulation.delivered) == 121


def test_estimates_are_near_what_happens(simulated: Ledger) -> None:
    flows = [Flow(priority, priority, 40) for priority in WEIGHTS]
    simulation = simulate(simulated, *flows)
    simulation.run(1)
    start = simulated.now - simulation.second
    estimates = {
        record.chatbot_id: record.wait_until - start
        for record in map(simulated.get, simulation.jobs.values())
        if record.state is JobState.WAITING and record.wait_until
    }
    assert len(estimates) > 80
    simulation.run(14)
    goes = {chatbot: second for second, chatbot in served(simulation)}
    wrong = {
        chatbot: (estimate, goes[chatbot])
        for chatbot, estimate in estimates.items()
        if abs(estimate - goes[chatbot]) > 1.0
    }
    assert wrong == {}
