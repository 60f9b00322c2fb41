"""The metrics of one worker process.

Labels have few values each: no job, no chatbot. The processes of `facelift worker` keep the
values in files that the supervisor reads, see `processes.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from facelift.attempt import Attempt
    from facelift.ledger.replies import ScheduleRun

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (*_SECONDS, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)


class Metrics:
    """The metrics of one worker process; any number of threads may use it.

    Args:
        registry: where to register them; None for nowhere.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._attempts = Counter(
            "facelift_attempts",
            "Attempts, by outcome code and by the status of the response, if there was one.",
            ["code", "status"],
            registry=registry,
        )
        self._rejections = Counter(
            "facelift_image_rejections",
            "Images refused before any request, by outcome code.",
            ["code"],
            registry=registry,
        )
        self._delivery = Histogram(
            "facelift_delivery_seconds",
            "Time of attempts that delivered, from the lease to the response.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._enqueue_to_delivery = Histogram(
            "facelift_enqueue_to_delivery_seconds",
            "Time of jobs from their enqueue, or from their not_before, to delivery.",
            buckets=_LONG,
            registry=registry,
        )
        self._lease_losses = Counter(
            "facelift_lease_losses",
            "Leases that this worker lost, so that another worker runs the job.",
            registry=registry,
        )
        self._rescues = Counter(
            "facelift_rescues",
            "Jobs recovered from lost workers.",
            registry=registry,
        )
        self._crash_loops = Counter(
            "facelift_crash_loops",
            "Jobs that failed as crash_loop because they lost too many workers.",
            registry=registry,
        )
        self._resent = Counter(
            "facelift_resent_messages",
            "Lost wake-up messages that were sent again.",
            registry=registry,
        )
        self._webhooks = Counter(
            "facelift_webhook_attempts",
            "Attempts to send a webhook, by result: sent, failed, given_up.",
            ["result"],
            registry=registry,
        )
        for result in ("sent", "failed", "given_up"):  # a rate needs a 0 to start from
            self._webhooks.labels(result)
        self._slots = Gauge(
            "facelift_worker_slots",
            "Slots of this worker: jobs that it can run at once.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._busy = Gauge(
            "facelift_worker_busy_slots",
            "Slots of this worker that are busy; updated every 5 s.",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended."""
        self._attempts.labels(attempt.code, attempt.http_status or "").inc()

    def rejected(self, code: str) -> None:
        """An image was refused before any request."""
        self._rejections.labels(code).inc()

    def delivered(self, duration: float, since_eligible: float) -> None:
        """An image was delivered.

        Args:
            duration: seconds since the lease was acquired.
            since_eligible: seconds since the job could first have been delivered.
        """
        self._delivery.observe(duration)
        self._enqueue_to_delivery.observe(since_eligible)

    def lease_lost(self) -> None:
        """This worker lost a lease."""
        self._lease_losses.inc()

    def schedule_run(self, done: ScheduleRun) -> None:
        """The scheduler handled the jobs that were due."""
        self._rescues.inc(done.recovered)
        self._crash_loops.inc(done.crash_loops)
        self._resent.inc(done.resent)

    def webhook(self, result: str) -> None:
        """A webhook was `sent`, `failed` and waits for its next attempt, or was `given_up`."""
        self._webhooks.labels(result).inc()

    def slots(self, slots: int, busy: int) -> None:
        """How many jobs this process can run, and runs."""
        self._slots.set(slots)
        self._busy.set(busy)
