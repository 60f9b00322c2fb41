"""Graceful shutdown: drain running jobs, then release the leases of the rest.

The first signal lets running jobs end, but for no longer than a request may take. A second
signal, or Celery's own "cold" shutdown, releases everything at once.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from facelift.errors import FaceliftError
from facelift.ledger.replies import Lease
from facelift.ledger.store import JobStore
from worker.monitoring.logs import fields
from worker.runtime.lease import LeaseKeeper

log = logging.getLogger(__name__)

_ABORT_SECONDS = 2.0
_RELEASE_SECONDS = 5.0
_POLL = 0.05


class GracefulShutdown:
    """Releases what this process holds, and ends it.

    Args:
        store: the ledger.
        leases: of the jobs that this process runs.
        drain_seconds: time after the first signal until the jobs that still run are released.
        announce: tells the ledger that this process stops in good order: a lease that it could
            not release is no evidence against the job.
        exit_process: ends the process with an exit code.
    """

    def __init__(
        self,
        store: JobStore,
        leases: LeaseKeeper,
        drain_seconds: float,
        *,
        announce: Callable[[], object] = lambda: None,
        exit_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._store = store
        self._leases = leases
        self._drain_seconds = drain_seconds
        self._announce = announce
        self._exit_process = exit_process
        self._begun = threading.Event()
        self._at_once = threading.Event()
        self._exited = threading.Event()

    def on_signal(self, how: str = "Warm", **_: object) -> None:
        """Celery received a signal to shut down; runs inside the signal handler."""
        if self._begun.is_set() or how == "Cold":
            self._at_once.set()
        if not self._begun.is_set():
            self._begun.set()
            threading.Thread(target=self._drain, name="shutdown", daemon=True).start()

    @property
    def has_begun(self) -> bool:
        """Whether this process is stopping."""
        return self._begun.is_set()

    def wait(self) -> None:
        """Celery has stopped; wait until the leases of aborted jobs are released."""
        if self._at_once.is_set():
            self._exited.wait(_ABORT_SECONDS + _RELEASE_SECONDS)

    def exit_now(self, exit_code: int) -> None:
        """Release every lease and end the process."""
        self._at_once.set()  # before Celery sees its tasks end, and ends the process
        leases = self._leases.surrender()
        deadline = time.monotonic() + _ABORT_SECONDS
        # A request that is aborted first cannot overlap with the next worker's.
        while self._leases.count and time.monotonic() < deadline:
            time.sleep(_POLL)
        # In a thread, so that an unavailable Redis does not delay the exit.
        releasing = threading.Thread(target=self._release, args=(leases,), daemon=True)
        releasing.start()
        releasing.join(_RELEASE_SECONDS)
        if releasing.is_alive():
            log.warning("jobs not released in time, their leases will expire")
        logging.shutdown()
        self._exit_process(exit_code)
        self._exited.set()

    def _release(self, leases: list[Lease]) -> None:
        try:
            released = sum(self._store.release(lease) for lease in leases)
            log.warning("jobs released", extra=fields(jobs=released, held=len(leases)))
        except FaceliftError as error:
            log.warning("jobs not released, their leases will expire: %s", error)
            self._announce_or_log()

    def _drain(self) -> None:
        # Now, since the process may be killed before it has drained; in a thread, since a Redis
        # that does not answer must not delay the exit.
        threading.Thread(target=self._announce_or_log, daemon=True).start()
        is_early = self._at_once.wait(self._drain_seconds)
        log.warning("exiting at once" if is_early else "exiting: the time to drain is over")
        self.exit_now(0)

    def _announce_or_log(self) -> None:
        try:
            self._announce()
        except FaceliftError as error:
            log.info("could not announce the shutdown: %s", error)
