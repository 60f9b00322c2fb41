"""Looks at the schedule: sends what is due, rescues what a lost worker left behind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from facelift.status.pool import EventKind
from worker.monitoring.logs import fields

if TYPE_CHECKING:
    from facelift.ledger.store import JobStore
    from worker.monitoring.metrics import Metrics

log = logging.getLogger(__name__)

_BAD_NEWS = {
    EventKind.BREAKER_OPENED,
    EventKind.ACCOUNT_PAUSED,
    EventKind.ACCOUNT_THROTTLED,
    EventKind.LIMIT_LOWERED,
}


class Scheduler:
    """Runs in every worker; any number of them share the work safely.

    Args:
        store: the ledger.
        metrics: counts what was found.
        batch: jobs looked at in one round trip.
        longest_pause: seconds; a job that becomes due by surprise waits no longer.
    """

    def __init__(
        self, store: JobStore, metrics: Metrics, *, batch: int = 200, longest_pause: float = 0.5
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._batch = batch
        self._longest_pause = longest_pause

    def run_once(self) -> float:
        """Look once; returns the seconds until the next look."""
        done = self._store.run_schedule(self._batch)
        self._metrics.looked(done)
        for event in done.events:
            level = logging.WARNING if event.kind in _BAD_NEWS else logging.INFO
            log.log(
                level,
                event.kind,
                extra=fields(account=event.account, by=event.by, reason=event.reason or None),
            )
        if done.rescued:
            log.warning("jobs rescued from lost workers", extra=fields(jobs=done.rescued))
        if done.set_aside:
            log.error(
                "jobs set aside, each lost too many workers", extra=fields(jobs=done.set_aside)
            )
        if done.resent:
            log.warning("jobs whose message was lost, sent again", extra=fields(jobs=done.resent))
        if done.expired:
            log.warning(
                "jobs expired before they could be delivered", extra=fields(jobs=done.expired)
            )
        if done.next_due is None:
            return self._longest_pause
        return min(done.next_due, self._longest_pause)
