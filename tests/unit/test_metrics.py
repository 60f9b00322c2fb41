"""What is counted when, in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from facelift.attempt import Attempt
from facelift.codes import Decision, OutcomeCode
from facelift.ledger.replies import ScheduleRun
from worker.monitoring.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = OutcomeCode.SERVER_ERROR
RUN = ScheduleRun(next_due=None, events=(), sent=9, recovered=3, crash_loops=1, resent=2, expired=9)


def attempt(status: int | None) -> Attempt:
    return Attempt(
        started_at=1.0,
        duration=0.5,
        code=CODE,
        http_status=status,
        decision=Decision.RETRY,
        reason="Broken.",
        next_at=2.0,
        counted=True,
    )


@pytest.mark.parametrize(
    ("happen", "name", "labels", "value"),
    [
        (
            lambda metrics: metrics.attempt(attempt(503)),
            "attempts",
            {"code": CODE, "status": "503"},
            1,
        ),
        (
            lambda metrics: metrics.attempt(attempt(None)),
            "attempts",
            {"code": CODE, "status": ""},
            1,
        ),
        (
            lambda metrics: metrics.rejected("image_empty"),
            "image_rejections",
            {"code": "image_empty"},
            1,
        ),
        (lambda metrics: metrics.lease_lost(), "lease_losses", {}, 1),
        (lambda metrics: metrics.schedule_run(RUN), "rescues", {}, 3),
        (lambda metrics: metrics.schedule_run(RUN), "crash_loops", {}, 1),
        (lambda metrics: metrics.schedule_run(RUN), "resent_messages", {}, 2),
    ],
)
def test_what_happens_is_counted(
    happen: Callable[[Metrics], None], name: str, labels: dict[str, str], value: float
) -> None:
    registry = CollectorRegistry()
    happen(Metrics(registry))
    assert registry.get_sample_value(f"facelift_{name}_total", labels) == value


def test_delivery_is_timed_from_its_lease_and_from_when_it_could_first_start() -> None:
    registry = CollectorRegistry()
    Metrics(registry).delivered(0.2, 70.0)

    def count(name: str, **labels: Any) -> float | None:
        return registry.get_sample_value(f"facelift_{name}_seconds_bucket", labels)

    assert (count("delivery", le="0.1"), count("delivery", le="0.25")) == (0, 1)
    both = count("enqueue_to_delivery", le="60.0"), count("enqueue_to_delivery", le="300.0")
    assert both == (0, 1)
