"""What one worker process counts.

The labels have few values each: no job, no chatbot. In the processes of `facelift
worker` the numbers lie in files that its supervisor reads; see `observe/processes.py`.
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
        registry: where they are listed; None for nowhere.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._attempts = Counter(
            "facelift_attempts",
            "Attempts that ended, by outcome code and by the response's status, if there was one.",
            ["code", "status"],
            registry=registry,
        )
        self._rejections = Counter(
            "facelift_image_rejections",
            "Pictures refused before any request, by outcome code.",
            ["code"],
            registry=registry,
        )
        self._delivery = Histogram(
            "facelift_delivery_seconds",
            "Time of attempts that delivered, from the claim to the endpoint's yes.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._enqueue_to_delivery = Histogram(
            "facelift_enqueue_to_delivery_seconds",
            "Time of jobs from when they were enqueued, or from their not_before, to delivery.",
            buckets=_LONG,
            registry=registry,
        )
        self._lease_losses = Counter(
            "facelift_lease_losses",
            "Jobs that this worker was too slow to keep, so that another has them.",
            registry=registry,
        )
        self._rescues = Counter(
            "facelift_rescues",
            "Jobs whose worker was lost, given to another.",
            registry=registry,
        )
        self._set_aside = Counter(
            "facelift_set_aside",
            "Jobs that failed as crash_loop, for they lost too many workers.",
            registry=registry,
        )
        self._resent = Counter(
            "facelift_resent_messages",
            "Jobs whose message was lost, sent again.",
            registry=registry,
        )
        self._webhooks = Counter(
            "facelift_webhook_tries",
            "Tries to tell a receiver of a job that ended, by result: sent, failed, given_up.",
            ["result"],
            registry=registry,
        )
        for result in ("sent", "failed", "given_up"):  # a rate needs a 0 to begin with
            self._webhooks.labels(result)
        self._slots = Gauge(
            "facelift_worker_slots",
            "Slots of this worker: jobs that it can have at once.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._busy = Gauge(
            "facelift_worker_busy_slots",
            "Slots of this worker that are busy; told every 5 s.",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def attempt(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        self._attempts.labels(attempt.code, attempt.http_status or "").inc()

    def rejected(self, code: str) -> None:
        """A picture was refused before any request."""
        self._rejections.labels(code).inc()

    def delivered(self, duration: float, since_eligible: float) -> None:
        """A picture was delivered.

        Args:
            duration: seconds since the job was claimed.
            since_eligible: seconds since it could have been delivered first.
        """
        self._delivery.observe(duration)
        self._enqueue_to_delivery.observe(since_eligible)

    def lease_lost(self) -> None:
        """Another worker has a job of ours."""
        self._lease_losses.inc()

    def looked(self, done: ScheduleRun) -> None:
        """The schedule was looked at."""
        self._rescues.inc(done.rescued)
        self._set_aside.inc(done.set_aside)
        self._resent.inc(done.resent)

    def webhook(self, result: str) -> None:
        """A webhook was `sent`, or `failed` and waits for another try, or was `given_up`."""
        self._webhooks.labels(result).inc()

    def slots(self, slots: int, busy: int) -> None:
        """So many jobs this process can have, and has."""
        self._slots.set(slots)
        self._busy.set(busy)
