"""Tells the pool every few seconds that this process is there, and whether it consumes."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError
from facelift.status.worker import HEARTBEAT_INTERVAL, WorkerReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.pool import Pool
    from worker.monitoring.metrics import Metrics

log = logging.getLogger(__name__)

_TAKE_LEAVE = 2.0


class Heartbeat:
    """What `facelift status`, `facelift health` and the metrics know of this process.

    Args:
        pool: where it is told.
        metrics: counts slots too.
        name: this process, as in records and logs.
        host: where it runs.
        pid: its process there.
        version: of Facelift.
        slots: jobs that it can have at once.
        busy: how many it has.
        last_poll: monotonic time of the last poll of the queue that succeeded.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        pool: Pool,
        metrics: Metrics,
        *,
        name: str,
        host: str,
        pid: int,
        version: str,
        slots: int,
        busy: Callable[[], int],
        last_poll: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._name = name
        self._host = host
        self._pid = pid
        self._version = version
        self._slots = slots
        self._busy = busy
        self._last_poll = last_poll
        self._monotonic = monotonic
        self._began = monotonic()

    def run_once(self) -> float:
        """Tell; returns the seconds until the next time."""
        now, busy = self._monotonic(), self._busy()
        self._metrics.slots(self._slots, busy)
        self._pool.heartbeat(
            WorkerReport(
                name=self._name,
                host=self._host,
                pid=self._pid,
                version=self._version,
                age=round(now - self._began, 3),
                poll_age=round(now - self._last_poll(), 3),
                slots=self._slots,
                busy=busy,
            )
        )
        return HEARTBEAT_INTERVAL

    def leave(self) -> None:
        """Tell that it ends; where Redis does not hear it, it is forgotten by itself."""
        # A thread of its own: a Redis that is gone must not keep us.
        leaving = threading.Thread(target=self._leave, daemon=True)
        leaving.start()
        leaving.join(_TAKE_LEAVE)

    def _leave(self) -> None:
        try:
            self._pool.leave(self._name)
        except FaceliftError as error:
            log.info("could not take leave of the pool: %s", error)
