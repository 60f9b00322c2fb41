"""Whether the processes of a supervisor consume, for who may end them or send them work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from facelift.errors import FaceliftError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facelift.ledger.store import JobStore
    from facelift.status.pool import PoolStatus
    from worker.runtime.supervisor import Child

_GRACE = 60.0


class Health(NamedTuple):
    """An answer.

    Attributes:
        is_well: whether all is well.
        sentence: why, for a person.
    """

    is_well: bool
    sentence: str


class Doctor:
    """Judges by what the processes told in Redis, and by whether Redis serves us.

    Args:
        store: the ledger.
        host: where the processes run.
        children: those that run now.
        wanted: how many are to run.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        store: JobStore,
        host: str,
        children: Callable[[], Sequence[Child]],
        wanted: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._host = host
        self._children = children
        self._wanted = wanted
        self._monotonic = monotonic
        self._excused_at = monotonic()

    def ready(self) -> Health:
        """Whether Redis serves us, and every process consumes."""
        try:
            status = self._look()
        except FaceliftError as error:
            return Health(is_well=False, sentence=str(error))
        children = self._children()
        if len(children) < self._wanted:
            return Health(
                is_well=False, sentence=f"{len(children)} of {self._wanted} processes run"
            )
        return self._judge(children, status)

    def live(self) -> Health:
        """Whether no process needs to be ended: what Redis is to blame for, that would not mend.

        A process has a minute to begin, and to come back once Redis is there again.
        """
        try:
            status = self._look()
        except FaceliftError as error:
            self._excused_at = self._monotonic()
            return Health(is_well=True, sentence=f"a restart would not help: {error}")
        if self._monotonic() - self._excused_at < _GRACE:
            return Health(is_well=True, sentence="within the first minute")
        grown = [child for child in self._children() if child.age >= _GRACE]
        return self._judge(grown, status)

    def _look(self) -> PoolStatus:
        self._store.ping()  # a Redis that takes no writes hears no heartbeat
        return self._store.pool.snapshot(events=1)

    def _judge(self, children: Sequence[Child], status: PoolStatus) -> Health:
        told = {worker.pid: worker for worker in status.workers if worker.host == self._host}
        for child in children:
            worker = told.get(child.pid)
            trouble = worker.trouble(status.at) if worker else "not heard of"
            if trouble:
                return Health(is_well=False, sentence=f"process {child.pid}: {trouble}")
        return Health(is_well=True, sentence="consuming")
