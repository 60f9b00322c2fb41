"""In a supervisor: tells the ledger at once which worker processes were lost.

Their jobs go on without waiting for the leases to expire, and the ledger knows for certain that the
processes have ended.
"""

from collections import deque
from collections.abc import Callable

from facelift.ledger.pool import Pool
from worker.runtime.loop import Loop
from worker.runtime.supervisor import Ended

_NONE_LEFT = 0.2


class LostProcesses:
    """Reports lost processes in a thread of its own; repeats what Redis did not take.

    Args:
        pool: where to report.
        name_of: the name of the worker with a process id.
    """

    def __init__(self, pool: Pool, name_of: Callable[[int], str]) -> None:
        self._pool = pool
        self._name_of = name_of
        self._lost = deque[str]()

    def start(self) -> None:
        """Start reporting, until this process ends."""
        Loop("reports of lost processes", self.run_once).start()

    def report(self, ended: Ended) -> None:
        """Have a process reported, unless it ended in good order."""
        if ended.is_lost:
            self._lost.append(self._name_of(ended.pid))

    def run_once(self) -> float:
        """Report those that are left; returns the seconds until the next round."""
        while self._lost:
            self._pool.gone(self._lost[0])
            self._lost.popleft()
        return _NONE_LEFT
