"""The isolation benchmark: its endpoint's rules, its groups of runs, and its judgement."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.isolation.judge import delay, extra, share_of
from benchmarks.isolation.rows import ROWS, scenario_named
from benchmarks.isolation.rules import Rule
from benchmarks.isolation.sitting import groups


def test_rule_applies_by_chatbot_time_and_number_of_uploads() -> None:
    rule = Rule(prefix="bad", tenths=3, begin=5, end=10, times=2)

    assert rule.applies("bad-12", 5, 1)
    assert not rule.applies("good-12", 5, 1)
    assert not rule.applies("bad-13", 5, 1)
    assert not rule.applies("bad-12", 4.9, 1)
    assert not rule.applies("bad-12", 10, 1)
    assert not rule.applies("bad-12", 5, 2)


def test_delay_counts_beyond_that_of_the_healthy_run() -> None:
    own, healthy = (scenario_named(name) for name in ("poison15", "healthy15"))
    results = {
        "poison15": {"delays": {"good0": [0.4, 1.0, 0.2]}},
        "healthy15": {"delays": {"good0": [0.1, 0.1, 0.1]}},
    }

    assert delay(own, "good0", 1.1)(results) == ("p50 0.40 s, p99 1.00 s", True)
    assert extra(own, healthy, "good0", 0.5)(results) == ("p50 0.30 s, p99 0.90 s", False)


def test_upload_that_is_never_delivered_is_a_miss() -> None:
    own = scenario_named("poison15")
    results = {"poison15": {"delays": {"good0": [0.1, None]}}}

    assert delay(own, "good0", 0.5)(results) == ("1 of 2 not delivered", False)


@pytest.mark.parametrize(
    ("ours", "opened", "holds"), [(95, 0, True), (89, 0, False), (95, 1, False)]
)
def test_brown_out_needs_most_of_the_deliveries_and_a_closed_breaker(
    *, ours: int, opened: int, holds: bool
) -> None:
    own, plain = scenario_named("brown30"), scenario_named("brown30@plain")
    results: dict[str, dict[str, Any]] = {
        "brown30": {"delivered": {"all": ours}, "opened": opened},
        "brown30@plain": {"delivered": {"all": 100}},
    }

    assert share_of(own, plain, 0.9, closed=True)(results)[1] is holds


def test_every_scenario_is_in_one_group_and_what_needs_the_machine_is_alone() -> None:
    scenarios = {each.name: each for row in ROWS for each in row.scenarios}

    made = groups(scenarios.values(), 10)

    assert sorted(each.name for group in made for each in group) == sorted(scenarios)
    assert all(len(group) == 1 for group in made if any(each.alone for each in group))
