"""What the workers tell each other of image stores, and the jobs that wait for one.

One method for each script in `lua/stores/`. Each worker judges by itself whether it can read from
a store, since a folder may be mounted here and not there. A job that finds its store out
waits for it (`JobStore.retry_later`); the first worker that can read from it lets the job go on.
"""

from collections.abc import Iterable

from facelift.ledger.scripts import Scripts

_FORGOTTEN = 60.0
"""Seconds after which the outage that a worker reported is forgotten, unless it repeats it."""


class Stores:
    """The image stores as the workers of one ledger see them; safe to share among threads."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def report_outage(self, worker: str, store: str, reason: str) -> None:
        """Report that a worker cannot read from a store; to be repeated while that lasts."""
        self._scripts.call("stores/report", worker, store, reason or "unknown", _FORGOTTEN)

    def report_back(self, worker: str, store: str) -> None:
        """Report that a worker can read from a store again."""
        self._scripts.call("stores/report", worker, store, "", _FORGOTTEN)

    def release(self, stores: Iterable[str], limit: int) -> int:
        """Let up to `limit` jobs of each of these stores go on; returns how many do."""
        return int(self._scripts.call("stores/release", limit, *stores))
