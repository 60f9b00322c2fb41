"""Sees to it that a live worker consumes.

Being alive and connected is not enough: only a poll of the queue that succeeded
counts. A worker whose Redis serves it, and which yet takes nothing from the
queue although it has room, is stuck in a way that only a new process ends.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.store import JobStore

log = logging.getLogger(__name__)

EX_STUCK = 75
_PATIENCE = 15.0
_LOOK = 1.0
_LATE = 5.0


class PollWatch:
    """Ends a process that consumes nothing.

    Args:
        store: the ledger, asked whether Redis serves us.
        has_room: whether the worker could take another job.
        last_poll: monotonic time of the last poll that succeeded.
        on_stuck: called once, with the exit code, when the worker is stuck.
        patience: seconds without a poll until it counts as stuck.
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
        self._excused_at = self._looked_at = monotonic()

    def run_once(self) -> float:
        """Look once; returns the seconds until the next look.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis does not serve us, which excuses the worker.
        """
        excused = not self._has_room()
        try:
            self._store.ping()
        except BaseException:
            excused = True
            raise
        finally:
            now = self._monotonic()
            # This process was frozen, or waited for a Redis that was.
            late = now - self._looked_at > _LOOK + _LATE
            self._looked_at = now
            if excused or late:
                self._excused_at = now
        silent = now - max(self._last_poll(), self._excused_at)
        if silent > self._patience:
            log.critical(
                "stuck: Redis serves us, but for %.0f s no poll of the queue succeeded; "
                "ending this process so that it is started anew",
                silent,
            )
            self._on_stuck(EX_STUCK)
        return _LOOK
