"""Reports to the pool every few seconds that this process runs, and whether it consumes."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from facelift.errors import FaceliftError
from facelift.ledger.pool import Pool
from facelift.status.worker import HEARTBEAT_INTERVAL, WorkerReport
from worker.monitoring.metrics import Metrics

log = logging.getLogger(__name__)

_SIGN_OFF_SECONDS = 2.0


@dataclass
class Heartbeat:
    """What `facelift status`, `facelift health` and the metrics know of this process.

    Attributes:
        pool: where to report.
        metrics: has gauges of the slots too.
        process: the parts of the report that never change.
        busy: the jobs it runs.
        unchanged: seconds since one of them last began or ended.
        last_poll: monotonic time of the last successful poll of the queue.
        on_settings: called when the pool's settings have changed.
        monotonic: seconds that never go back.
    """

    pool: Pool
    metrics: Metrics
    process: WorkerReport
    busy: Callable[[], int]
    unchanged: Callable[[], float]
    last_poll: Callable[[], float]
    on_settings: Callable[[], object] = lambda: None
    monotonic: Callable[[], float] = time.monotonic
    _generation: int = field(default=-1, init=False)
    _started_at: float = field(init=False)
    _reported: int = field(default=-1, init=False)
    _report_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._started_at = self.monotonic()

    def run_once(self) -> float:
        """Report, if idle every second time; returns the seconds until the next."""
        now, busy = self.monotonic(), self.busy()
        # While all slots are busy no job begins: since the last change, none ended either.
        stalled = round(self.unchanged(), 3) if busy >= self.process.slots else 0.0
        self.metrics.slots(self.process.slots, busy, stalled)
        if busy == self._reported == 0 and now < self._report_at:
            return HEARTBEAT_INTERVAL
        generation = self.pool.heartbeat(
            replace(
                self.process,
                age=round(now - self._started_at, 3),
                poll_age=round(now - self.last_poll(), 3),
                busy=busy,
                stalled=stalled,
            )
        )
        if generation != self._generation:
            self._generation = generation
            self.on_settings()
        self._reported, self._report_at = busy, now + 1.5 * HEARTBEAT_INTERVAL
        return HEARTBEAT_INTERVAL

    def sign_off(self) -> None:
        """Remove this process from the pool; a report that stays expires by itself."""
        # In a thread, so that an unavailable Redis does not delay the shutdown.
        thread = threading.Thread(target=self._sign_off, daemon=True)
        thread.start()
        thread.join(_SIGN_OFF_SECONDS)

    def _sign_off(self) -> None:
        try:
            self.pool.leave(self.process.name)
        except FaceliftError as error:
            log.info("could not sign off from the pool: %s", error)
