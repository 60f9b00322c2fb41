"""The metrics of one worker process.

Labels have few values each: no job, no chatbot. The processes of `facelift worker` keep the
values in files that the supervisor reads, see `processes.py`.
"""

from collections.abc import Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from facelift.asset import Action, Asset
from facelift.attempt import Attempt
from facelift.ledger.replies import ScheduleRun

_Among = Literal["livesum", "livemax"]  # how the values of several processes become one
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LABELS = ("asset", "action")
_LONG = (*_SECONDS, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)


class Metrics:
    """The metrics of one worker process, safe to share among threads.

    Args:
        registry: where to register them; None for nowhere.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        def counter(name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"facelift_{name}", meaning, labels, registry=registry)

        def timed(name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
            made = Histogram(
                f"facelift_{name}", meaning, _LABELS, buckets=buckets, registry=registry
            )
            made.labels(Asset.PROFILE_PICTURE, Action.SET)  # a rate needs a 0 to start from
            return made

        def gauge(name: str, meaning: str, among: _Among = "livesum") -> Gauge:
            return Gauge(f"facelift_{name}", meaning, multiprocess_mode=among, registry=registry)

        self._attempts = counter(
            "attempts",
            "Attempts, by outcome code and by the status of the response, if there was one.",
            ["code", "status", *_LABELS],
        )
        self._rejections = counter(
            "image_rejections", "Images refused before any request, by outcome code.", ["code"]
        )
        self._delivery = timed(
            "delivery_seconds",
            "Time of attempts that succeeded, from the lease to the response.",
            _SECONDS,
        )
        self._enqueue_to_delivery = timed(
            "enqueue_to_delivery_seconds",
            "Time of jobs from their enqueue, or from their not_before, to success.",
            _LONG,
        )
        self._lease_losses = counter(
            "lease_losses", "Leases that this worker lost, so that another worker runs the job."
        )
        self._repeated = counter(
            "repeated_uploads",
            "Delivered images that were uploaded once more, since an earlier upload without an "
            "answer could have replaced them.",
        )
        self._rescues = counter("rescues", "Jobs recovered from lost workers.")
        self._crash_loops = counter(
            "crash_loops", "Jobs that failed as crash_loop because they ended too many workers."
        )
        self._resent = counter("resent_messages", "Lost wake-up messages that were sent again.")
        self._clock_steps = counter(
            "clock_steps", "Steps of Redis' clock that this worker kept out of the ledger's time."
        )
        self._refused_messages = counter(
            "refused_messages", "Celery messages that were refused for their form."
        )
        self._webhooks = counter(
            "webhook_attempts",
            "Attempts to send a webhook, by result: sent, failed, given_up.",
            ["result"],
        )
        for result in ("sent", "failed", "given_up"):  # a rate needs a 0 to start from
            self._webhooks.labels(result)
        self._slots = gauge("worker_slots", "Slots of this worker: jobs that it can run at once.")
        self._busy = gauge(
            "worker_busy_slots", "Slots of this worker that are busy; updated every 5 s."
        )
        self._stalled = gauge(
            "worker_stalled_seconds",
            "Time for which all slots of a process have been busy while no job ended, of the "
            "process that has waited longest; updated every 5 s.",
            "livemax",
        )

    def attempt(self, attempt: Attempt, asset: str, action: str) -> None:
        """An attempt to do something to an asset ended."""
        self._attempts.labels(attempt.code, attempt.http_status or "", asset, action).inc()

    def rejected(self, code: str) -> None:
        """An image was refused before any request."""
        self._rejections.labels(code).inc()

    def succeeded(self, asset: str, action: str, duration: float, since_eligible: float) -> None:
        """A job succeeded, so many seconds after its lease and after it was due."""
        self._delivery.labels(asset, action).observe(duration)
        self._enqueue_to_delivery.labels(asset, action).observe(since_eligible)

    def repeated(self) -> None:
        """A delivered image was uploaded once more."""
        self._repeated.inc()

    def lease_lost(self) -> None:
        """This worker lost a lease."""
        self._lease_losses.inc()

    def schedule_run(self, done: ScheduleRun) -> None:
        """The scheduler handled the jobs that were due."""
        self._rescues.inc(done.recovered)
        self._crash_loops.inc(done.crash_loops)
        self._resent.inc(done.resent)

    def clock_was_set(self) -> None:
        """This worker noticed that Redis' clock was set."""
        self._clock_steps.inc()

    def message_refused(self) -> None:
        """A Celery message was refused for its form."""
        self._refused_messages.inc()

    def webhook(self, result: str) -> None:
        """A webhook was `sent`, `failed` and waits for its next attempt, or was `given_up`."""
        self._webhooks.labels(result).inc()

    def slots(self, slots: int, busy: int, stalled: float) -> None:
        """How many jobs this process can run, and runs; how long all were busy and none ended."""
        self._slots.set(slots)
        self._busy.set(busy)
        self._stalled.set(stalled)
