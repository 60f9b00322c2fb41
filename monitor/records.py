"""Job records for Flower's pages: cheap, and without harm while Redis is away."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError, InvalidJob, JobNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.record import JobRecord

log = logging.getLogger(__name__)

_QUIET = 5.0  # seconds without asking a Redis that did not answer: a page has many rows
_KEPT = 10_000  # ended jobs, about 2 kB each


class Records:
    """Reads records; one that has ended is remembered, for it never changes.

    Safe to share among threads.

    Args:
        status: reads one from the ledger, as `UploadClient.status` does.
        kept: how many are remembered at most.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        status: Callable[[str], JobRecord],
        *,
        kept: int = _KEPT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._most = kept
        self._monotonic = monotonic
        self._ended: OrderedDict[str, JobRecord] = OrderedDict()
        self._lock = Lock()
        self._ask_again = float("-inf")
        self._is_away = False

    def get(self, job_id: str) -> JobRecord | None:
        """The record; None if there is none, or Redis does not answer."""
        with self._lock:
            if known := self._ended.get(job_id):
                self._ended.move_to_end(job_id)
                return known
        if self._monotonic() < self._ask_again:
            return None
        try:
            record = self._status(job_id)
        except (JobNotFound, InvalidJob):
            record = None
        except FaceliftError as error:
            self._ask_again = self._monotonic() + _QUIET
            if not self._is_away:
                log.warning("tasks are shown without their jobs: %s", error)
            self._is_away = True
            return None
        if self._is_away:
            log.info("tasks are shown with their jobs again")
            self._is_away = False
        if record and record.state.is_terminal:
            self._keep(record)
        return record

    def _keep(self, record: JobRecord) -> None:
        with self._lock:
            self._ended[record.id] = record
            if len(self._ended) > self._most:
                self._ended.popitem(last=False)
