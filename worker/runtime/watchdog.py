"""Exits the process when polling of the queue stalls while Redis is healthy.

To be alive and connected is not enough: only a successful poll counts. A worker that has free
slots and a healthy Redis, and yet takes nothing from the queue, is stuck in a way that only a new
process ends.
"""

import logging
import time
from collections.abc import Callable

from facelift.ledger.store import JobStore

log = logging.getLogger(__name__)

EX_STUCK = 75
_PATIENCE = 15.0
_INTERVAL = 1.0
_RECENT = 7.0
_LATE = 5.0


class PollWatchdog:
    """Ends a process that stopped consuming.

    Args:
        store: the ledger, whose Redis is checked.
        has_room: whether the worker could take another job.
        last_poll: monotonic time of the last successful poll.
        on_stuck: called with the exit code when the worker is stuck.
        patience: seconds without a poll until the worker counts as stuck.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        has_room: Callable[[], bool],
        last_poll: Callable[[], float],
        on_stuck: Callable[[int], object],
        patience: float = _PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._has_room = has_room
        self._last_poll = last_poll
        self._on_stuck = on_stuck
        self._patience = patience
        self._monotonic = monotonic
        self._excused_at = self._checked_at = monotonic()

    def run_once(self) -> float:
        """Check; returns the seconds until the next check.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis is unhealthy, which excuses the worker.
        """
        excused = not self._has_room()
        try:
            # A recent poll needs no excuse, and an idle worker bothers Redis as little as it can.
            if self._monotonic() - self._last_poll() > _RECENT:
                self._store.ping()
        except BaseException:
            excused = True
            raise
        finally:
            now = self._monotonic()
            # This process was frozen, or waited for a Redis that was.
            late = now - self._checked_at > _INTERVAL + _LATE
            self._checked_at = now
            if excused or late:
                self._excused_at = now
        silent = now - max(self._last_poll(), self._excused_at)
        if silent > self._patience:
            log.critical(
                "stuck: Redis is healthy, but for %.0f s no poll of the queue succeeded; "
                "ending this process so that a new one starts",
                silent,
            )
            self._on_stuck(EX_STUCK)
        return _INTERVAL
