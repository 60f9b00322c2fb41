"""Liveness and readiness of a supervisor's worker processes."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from facelift.errors import FaceliftError
from facelift.ledger.store import JobStore
from facelift.status.pool import PoolStatus

_GRACE = 60.0


class Child(NamedTuple):
    """A running worker process; its age is in seconds."""

    pid: int
    age: float


class Health(NamedTuple):
    """The answer of a probe: the verdict, and its reason for a person."""

    is_healthy: bool
    sentence: str


class HealthCheck:
    """Judges by the processes' heartbeats in Redis, and by whether Redis answers.

    Args:
        store: the ledger.
        name_of: the name of a process by its id.
        children: the processes that run now.
        wanted: how many should run.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        store: JobStore,
        name_of: Callable[[int], str],
        children: Callable[[], Sequence[Child]],
        wanted: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._name_of = name_of
        self._children = children
        self._wanted = wanted
        self._monotonic = monotonic
        self._excused_at = monotonic()

    def ready(self) -> Health:
        """Whether Redis answers and every process consumes."""
        try:
            status = self._snapshot()
        except FaceliftError as error:
            return Health(False, str(error))
        children = self._children()
        if len(children) < self._wanted:
            return Health(False, f"{len(children)} of {self._wanted} processes run")
        return self._judge(children, status)

    def live(self) -> Health:
        """Whether no process needs a restart: a restart does not cure an unavailable Redis.

        A process has a minute to start, and to come back once Redis answers again.
        """
        try:
            status = self._snapshot()
        except FaceliftError as error:
            self._excused_at = self._monotonic()
            return Health(True, f"a restart would not help: {error}")
        if self._monotonic() - self._excused_at < _GRACE:
            return Health(True, "within the first minute")
        return self._judge([child for child in self._children() if child.age >= _GRACE], status)

    def _snapshot(self) -> PoolStatus:
        self._store.ping()  # a Redis that refuses writes records no heartbeat
        return self._store.pool.snapshot(events=1)

    def _judge(self, children: Sequence[Child], status: PoolStatus) -> Health:
        reports = {worker.name: worker for worker in status.workers}
        for child in children:
            worker = reports.get(self._name_of(child.pid))
            trouble = worker.trouble(status.at) if worker else "no heartbeat"
            if trouble:
                return Health(False, f"process {child.pid}: {trouble}")
        return Health(True, "consuming")
