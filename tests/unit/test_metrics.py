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
            lambda metrics: metrics.attempt(attempt(503), "icon", "remove"),
            "attempts",
            {"code": CODE, "status": "503", "asset": "icon", "action": "remove"},
            1,
        ),
        (
            lambda metrics: metrics.attempt(attempt(None), "profile_picture", "set"),
            "attempts",
            {"code": CODE, "status": "", "asset": "profile_picture", "action": "set"},
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


@pytest.mark.parametrize("name", ["delivery", "enqueue_to_delivery"])
def test_times_of_uploads_start_from_zero_and_those_of_others_are_apart(name: str) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    picture, icon = ({"asset": each, "action": "set"} for each in ("profile_picture", "icon"))

    def count(labels: dict[str, str]) -> float | None:
        return registry.get_sample_value(f"facelift_{name}_seconds_count", labels)

    assert (count(picture), count(icon)) == (0, None)
    metrics.succeeded("icon", "set", 0.2, 70.0)
    assert (count(picture), count(icon)) == (0, 1)


def test_delivery_is_timed_from_its_lease_and_from_when_it_could_first_start() -> None:
    registry = CollectorRegistry()
    Metrics(registry).succeeded("profile_picture", "set", 0.2, 70.0)

    def count(name: str, **labels: Any) -> float | None:
        of_upload = {"asset": "profile_picture", "action": "set"}
        return registry.get_sample_value(f"facelift_{name}_seconds_bucket", labels | of_upload)

    assert (count("delivery", le="0.1"), count("delivery", le="0.25")) == (0, 1)
    both = count("enqueue_to_delivery", le="60.0"), count("enqueue_to_delivery", le="300.0")
    assert both == (0, 1)
