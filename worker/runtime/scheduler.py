"""Maintenance of the ledger that all workers share: the scheduler and the janitor."""

import logging
import time
from collections.abc import Callable

from facelift.ledger.replies import ScheduleRun
from facelift.ledger.store import JobStore
from facelift.status.pool import EventKind
from worker.monitoring.logs import fields
from worker.monitoring.metrics import Metrics

log = logging.getLogger(__name__)

_WARNINGS = {
    EventKind.BREAKER_OPENED,
    EventKind.ACCOUNT_PAUSED,
    EventKind.ACCOUNT_THROTTLED,
    EventKind.LIMIT_LOWERED,
    EventKind.STORE_OUT,
    EventKind.CLOCK_SET,
    EventKind.WORKER_LOST,
}

_PRUNE_BATCH = 200
_BETWEEN_BATCHES = 1.0
_BETWEEN_ROUNDS = 600.0


class Scheduler:
    """Sends wake-up messages for due jobs and recovers the jobs of lost workers.

    Every worker runs one; any number of them share the work safely. While nothing is due and
    nothing new is scheduled, a round is one command of Redis.

    Args:
        store: the ledger.
        metrics: counts what was found.
        first_due: reads the first entry of the schedule.
        batch: jobs in one round trip.
        longest_pause: seconds between rounds; a job that becomes due early waits no longer.
        empty_pause: the same while nothing at all is scheduled.
        longest_rest: seconds until the schedule is run though nothing is due: so late may events
            of an idle pool be logged.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        store: JobStore,
        metrics: Metrics,
        first_due: Callable[[], object],
        *,
        batch: int = 200,
        longest_pause: float = 0.6,
        empty_pause: float = 1.0,
        longest_rest: float = 15.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._first_due = first_due
        self._batch = batch
        self._longest_pause = longest_pause
        self._empty_pause = empty_pause
        self._longest_rest = longest_rest
        self._monotonic = monotonic
        self._first: object = None
        self._run_at = float("-inf")

    def run_once(self) -> float:
        """Handle the jobs that are due; returns the seconds until the next round."""
        first = self._first_due()  # before the run: what is scheduled meanwhile is seen next time
        rest = self._run_at - self._monotonic()
        if first == self._first and rest > 0:
            return min(rest, self._longest_pause if first else self._empty_pause)
        done = self._store.run_schedule(self._batch)
        rest = self._longest_rest if done.next_due is None else done.next_due
        self._first = first
        self._run_at = self._monotonic() + min(rest, self._longest_rest)
        self._metrics.schedule_run(done)
        self._log(done)
        return min(rest, self._longest_pause if first else self._empty_pause)

    def _log(self, done: ScheduleRun) -> None:
        for event in done.events:
            log.log(
                logging.WARNING if event.kind in _WARNINGS else logging.INFO,
                event.kind,
                extra=fields(
                    account=event.account,
                    store=event.store,
                    by=event.by,
                    reason=event.reason or None,
                ),
            )
        for count, level, message in (
            (done.recovered, logging.WARNING, "jobs recovered from lost workers"),
            (done.crash_loops, logging.ERROR, "jobs failed, each ended too many workers"),
            (done.resent, logging.WARNING, "lost wake-up messages sent again"),
            (done.expired, logging.WARNING, "jobs expired before delivery"),
        ):
            if count:
                log.log(level, message, extra=fields(jobs=count))


class Janitor:
    """Removes jobs from the ledger's indexes once their records have expired.

    Every worker runs one; any number of them share the work safely.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._cursor: str | None = None

    def run_once(self) -> float:
        """Check a part of the index; returns the seconds until the next part."""
        self._cursor = self._store.prune(self._cursor, _PRUNE_BATCH)
        return _BETWEEN_BATCHES if self._cursor else _BETWEEN_ROUNDS
