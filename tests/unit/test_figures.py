"""Recent throughput and latency, and the lines that draw them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facelift.cli.operations.figures import SPAN, Figures, sparkline
from facelift.codes import JobState, OutcomeCode
from facelift.queries import Outcome

NOW = 1_764_000_000.0


def ended(ago: float, latency: float = 1.0, *, delivered: bool = True) -> Outcome:
    return Outcome(
        entry="1-0",
        job_id="job",
        state=JobState.SUCCEEDED if delivered else JobState.FAILED,
        outcome=OutcomeCode.DELIVERED if delivered else OutcomeCode.IMAGE_EMPTY,
        chatbot_id="bot",
        account="default",
        asset="profile_picture",
        action="set",
        created_at=NOW - ago - latency,
        finished_at=NOW - ago,
    )


def figures(*outcomes: Outcome) -> Figures:
    return Figures().with_more(outcomes, NOW)


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    summary = figures(*[ended(60)] * 7, *[ended(5)] * 20).summary(NOW)
    assert (summary.rate, summary.ended, summary.delivered) == (2.0, 27, 27)


def test_latency_is_that_of_deliveries_alone() -> None:
    some = [ended(1, latency) for latency in (0.1, 0.2, 0.3)]
    summary = figures(*some, ended(1, 9.0, delivered=False)).summary(NOW)
    assert (summary.ended, summary.delivered) == (4, 3)
    assert summary.median == pytest.approx(0.2, abs=1e-6)
    assert summary.slow == pytest.approx(0.3, abs=1e-6)


def test_removals_are_counted_apart_and_timed_too() -> None:
    removal = replace(ended(1, 3.0), outcome=OutcomeCode.REMOVED)
    summary = figures(ended(1), removal).summary(NOW)
    assert (summary.ended, summary.delivered, summary.removed) == (2, 1, 1)
    assert summary.slow == pytest.approx(3.0)


def test_nothing_delivered_has_no_latency() -> None:
    assert figures(ended(1, delivered=False)).summary(NOW).median is None
    assert figures().latency(NOW, 3) == [None, None, None]


def test_what_ended_before_the_span_is_forgotten() -> None:
    grown = figures(ended(SPAN - 1), ended(0)).with_more([], NOW + 2)
    assert grown.summary(NOW + 2).ended == 1


def test_the_newest_stands_last() -> None:
    found = figures(ended(SPAN - 1, 4.0), ended(0, 8.0))
    assert found.throughput(NOW, 3) == [0.01, 0.0, 0.01]
    assert found.latency(NOW, 3) == [pytest.approx(4.0), None, pytest.approx(8.0)]


def test_a_line_is_as_high_as_its_values_beside_the_highest() -> None:
    assert sparkline([0.0, 1.0, 4.0, 8.0, None, 0.001]) == "▁▂▅█ ▂"


def test_a_line_of_nothing_is_flat() -> None:
    assert sparkline([0.0, 0.0]) == "▁▁"


def test_a_line_can_do_with_ascii() -> None:
    assert sparkline([0.0, 4.0, 8.0, None], ascii_only=True) == "_=# "
