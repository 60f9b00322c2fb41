"""Job records for Flower's pages, cached, with a fallback while Redis is unavailable."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from facelift.errors import FaceliftError, InvalidJob, JobNotFound
from facelift.record import JobRecord

log = logging.getLogger(__name__)

_RETRY_AFTER = 5.0  # seconds; a page has many rows, each of which would wait for Redis
_CACHED = 10_000  # ended jobs, about 2 kB each


class Records:
    """Reads records and caches those of ended jobs, which never change.

    Safe to share among threads.

    Args:
        status: reads a record from the ledger, as `UploadClient.status` does.
        cached: how many to cache at most.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        status: Callable[[str], JobRecord],
        *,
        cached: int = _CACHED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._most = cached
        self._monotonic = monotonic
        self._ended: OrderedDict[str, JobRecord] = OrderedDict()
        self._lock = Lock()
        self._retry_at = float("-inf")
        self._is_down = False

    def get(self, job_id: str) -> JobRecord | None:
        """The record; None if there is none, or Redis is unavailable."""
        with self._lock:
            if known := self._ended.get(job_id):
                self._ended.move_to_end(job_id)
                return known
        if self._monotonic() < self._retry_at:
            return None
        try:
            record = self._status(job_id)
        except (JobNotFound, InvalidJob):
            record = None
        except FaceliftError as error:
            self._retry_at = self._monotonic() + _RETRY_AFTER
            if not self._is_down:
                log.warning("tasks are shown without their jobs: %s", error)
            self._is_down = True
            return None
        if self._is_down:
            log.info("tasks are shown with their jobs again")
            self._is_down = False
        if record and record.state.is_terminal:
            self._cache(record)
        return record

    def _cache(self, record: JobRecord) -> None:
        with self._lock:
            self._ended[record.id] = record
            if len(self._ended) > self._most:
                self._ended.popitem(last=False)
