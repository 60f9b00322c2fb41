"""How a worker process goes: in time, and without taking jobs along.

The first signal lets Celery finish what is in flight, but no longer than a
request may take. The second, or Celery's own "cold" shutdown, hands everything
back at once.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError
from worker.monitoring.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.replies import Lease
    from facelift.ledger.store import JobStore
    from worker.runtime.lease import LeaseKeeper

log = logging.getLogger(__name__)

_LET_GO = 2.0
_HAND_BACK = 5.0
_LOOK = 0.05


class GracefulShutdown:
    """Hands back what this process holds, and ends it.

    Args:
        store: the ledger.
        leases: what this process holds.
        patience: seconds after the first signal until what is left is handed back.
        leave: ends the process.
    """

    def __init__(
        self,
        store: JobStore,
        leases: LeaseKeeper,
        patience: float,
        *,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._store = store
        self._leases = leases
        self._patience = patience
        self._leave = leave
        self._begun = threading.Event()
        self._at_once = threading.Event()
        self._gone = threading.Event()

    def on_signal(self, how: str = "Warm", **_: object) -> None:
        """Celery got a signal to shut down; called in the signal's handler."""
        if self._begun.is_set() or how == "Cold":
            self._at_once.set()
        if not self._begun.is_set():
            self._begun.set()
            threading.Thread(target=self._see_off, name="shutdown", daemon=True).start()

    def finish(self) -> None:
        """Celery is done; wait until what was broken off is handed back."""
        if self._at_once.is_set():
            self._gone.wait(_LET_GO + _HAND_BACK)

    def go(self, exit_code: int) -> None:
        """Hand everything back and end the process, now."""
        self._at_once.set()  # before Celery sees its tasks end, and ends the process
        leases = self._leases.surrender()
        deadline = time.monotonic() + _LET_GO
        # A request that is broken off first cannot overlap with the next worker's.
        while self._leases.count and time.monotonic() < deadline:
            time.sleep(_LOOK)
        # A thread of its own: a Redis that is gone must not keep us.
        handing_back = threading.Thread(target=self._release, args=(leases,), daemon=True)
        handing_back.start()
        handing_back.join(_HAND_BACK)
        if handing_back.is_alive():
            log.warning("jobs not handed back in time, their leases will run out")
        logging.shutdown()
        self._leave(exit_code)
        self._gone.set()

    def _release(self, leases: list[Lease]) -> None:
        try:
            handed_back = sum(self._store.release(lease) for lease in leases)
            log.warning("jobs handed back", extra=fields(jobs=handed_back, held=len(leases)))
        except FaceliftError as error:
            log.warning("jobs not handed back, their leases will run out: %s", error)

    def _see_off(self) -> None:
        in_time = self._at_once.wait(self._patience)
        log.warning("leaving at once" if in_time else "leaving: the time to finish is over")
        self.go(0)
