"""Keeps the trouble of one image store to the jobs of that store."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from facelift.codes import OutcomeCode
from facelift.ledger.stores import Stores
from worker.errors import ImageRejected, StoreBusy, StoreOut, StoreUnavailable
from worker.monitoring.logs import fields
from worker.stores.protocol import Aging, ImageStore

log = logging.getLogger(__name__)

NOWHERE = ".facelift/probe"
"""No image: a store that says so can be read from."""

_SLOW = 2.0  # seconds
_SHARE = 4  # a part of so many of a worker's slots may be in slow reads of one store
_PATHS = 3  # that fail in a row, while others could be read
_IDLE, _SOONEST, _LATEST = 15.0, 1.0, 5.0  # seconds between two rounds
_RELEASED = 200


class WatchedStore:
    """A store with a circuit breaker and a limit on slow reads; a worker has one for each store.

    The breaker opens when a read fails and one of a path that is no image fails too, or when
    several paths fail in a row. Then nothing is read but probes, every few seconds, until one
    succeeds.

    Args:
        name: of the store, in the settings.
        store: reads.
        shared: what the workers tell each other of stores.
        worker: this worker's name.
        slots: jobs that this worker runs at once.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        store: ImageStore,
        shared: Stores,
        *,
        worker: str,
        slots: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._store = store
        self._shared = shared
        self._worker = worker
        self._most_slow = max(1, slots // _SHARE)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._reading: dict[object, float] = {}
        self._failed: deque[tuple[str, int]] = deque(maxlen=_PATHS)
        self._outage: str | None = None  # why
        self._out_since = 0.0
        self._probes: deque[tuple[str, int]] = deque()
        self._is_reported = False

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`.

        Raises:
            StoreOut: the breaker is open.
            StoreBusy: too many reads of this store last too long.
        """
        outage = self._outage
        if outage is not None:
            raise StoreOut(OutcomeCode.IMAGE_STORE_UNAVAILABLE, outage)
        with self._slot():
            try:
                data = self._store.read(path, limit)
            except ImageRejected:
                self._failed.clear()
                raise
            except StoreUnavailable as failure:
                if self._is_out(path, limit, failure):
                    raise StoreOut(failure.code, failure.sentence) from failure
                raise
        self._failed.clear()
        return data

    def age(self, path: str) -> float | None:
        """See `Aging.age`; None also if the store cannot say."""
        return self._store.age(path) if isinstance(self._store, Aging) else None

    def run_once(self) -> float:
        """Probe the store if it is out, else let the jobs go on that wait for it.

        Returns:
            Seconds until the next round.
        """
        if self._outage is not None and not self._probe():
            self._shared.report_outage(self._worker, self._name, self._outage)
            self._is_reported = True
            age = self._monotonic() - self._out_since
            return min(_LATEST, max(_SOONEST, age / 10))
        if self._is_reported:
            self._shared.report_back(self._worker, self._name)
            self._is_reported = False
        return _SOONEST if self._shared.release([self._name], _RELEASED) else _IDLE

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Room for a read: slow ones take at most a part of the worker's slots."""
        now, read = self._monotonic(), object()
        with self._lock:
            slow = sum(now - began > _SLOW for began in self._reading.values())
            if slow >= self._most_slow:
                raise StoreBusy(
                    OutcomeCode.IMAGE_STORE_UNAVAILABLE,
                    f"The image store is slow: {slow} reads of this worker have lasted for more "
                    f"than {_SLOW:g} s.",
                )
            self._reading[read] = now
        try:
            yield
        finally:
            with self._lock:
                del self._reading[read]

    def _is_out(self, path: str, limit: int, failure: StoreUnavailable) -> bool:
        """Whether a read failed because the store is out; opens the breaker if so."""
        with self._lock:
            if (path, limit) not in self._failed:
                self._failed.append((path, limit))
            probes = [*self._failed] if len(self._failed) == _PATHS else []
        if not probes and not self._answers():
            probes = [(NOWHERE, 1)]
        with self._lock:
            if probes and self._outage is None:
                self._outage = failure.sentence
                self._out_since = self._monotonic()
                self._probes = deque(probes)
                log.warning(
                    "image store out", extra=fields(store=self._name, reason=failure.sentence)
                )
            return self._outage is not None

    def _answers(self) -> bool:
        try:
            self._store.read(NOWHERE, 1)
        except StoreUnavailable:
            return False
        except ImageRejected:
            pass
        return True

    def _probe(self) -> bool:
        """Read one of the paths that failed; closes the breaker if that succeeds."""
        path, limit = self._probes[0]
        self._probes.rotate()
        try:
            self._store.read(path, limit)
        except ImageRejected:
            pass
        except StoreUnavailable as failure:
            self._outage = failure.sentence
            return False
        self._failed.clear()
        self._outage = None
        log.info("image store back", extra=fields(store=self._name))
        return True
