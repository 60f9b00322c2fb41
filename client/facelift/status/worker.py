"""The state of one worker process, and whether it consumes jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

HEARTBEAT_INTERVAL = 5.0
"""Seconds between two heartbeats of a worker."""
REMEMBERED = 30
"""Seconds from a worker's last heartbeat until it is forgotten."""

STALL_PATIENCE = 60.0
"""Seconds for which all slots of a worker may be busy while no job ends, by default."""

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """What a worker process reports with a heartbeat.

    Attributes:
        age: seconds since it started.
        poll_age: seconds since the queue was last asked for a job.
        stalled: seconds for which all slots have been busy while no job ended.
        patience: seconds of that after which the process counts as stuck.

    The others are those of `WorkerStatus`.
    """

    name: str
    host: str
    pid: int
    version: str
    slots: int
    age: float = 0.0
    poll_age: float = 0.0
    busy: int = 0
    stalled: float = 0.0
    patience: float = STALL_PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One worker process at its last heartbeat. Times are Unix seconds.

    Attributes:
        name: of the process, as records and logs have it.
        host: where it runs.
        pid: its process there.
        version: of Facelift.
        since: when it started.
        seen_at: when it sent its last heartbeat.
        last_poll_at: when it last asked the queue for a job; it does not while all slots are
            busy.
        slots: jobs that it can run at once.
        busy: jobs that it ran.
        stalled: seconds for which all slots had been busy while no job ended; 0 if one was free.
        patience: seconds of that after which it counts as stuck: longer than any request takes.
        stores: the image stores that it knows.
        differing: its settings that do not hold, since a worker that started later has others.
    """

    name: str
    host: str
    pid: int
    version: str
    since: float
    seen_at: float
    last_poll_at: float
    slots: int
    busy: int
    stalled: float = 0.0
    patience: float = STALL_PATIENCE
    stores: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()

    @classmethod
    def decode(cls, name: str, stored: Mapping[str, str]) -> Self:
        """Read it from the worker's hash."""
        return cls(
            name=name,
            host=stored["host"],
            pid=int(stored["pid"]),
            version=stored["version"],
            since=float(stored["since"]),
            seen_at=float(stored["seen_at"]),
            last_poll_at=float(stored["last_poll_at"]),
            slots=int(stored["slots"]),
            busy=int(stored["busy"]),
            stalled=float(stored["stalled"]),
            patience=float(stored["patience"]),
            stores=tuple(stored.get("stores", "").split()),
            differing=tuple(filter(None, stored.get("differing", "").split(", "))),
        )

    def trouble(self, now: float) -> str | None:
        """Why it counts as not consuming, for a person; None if it consumes."""
        silent = now - self.seen_at
        if silent > _PATIENCE:
            return f"without a heartbeat for {silent:.0f} s"
        idle = self.seen_at - self.last_poll_at
        if self.busy < self.slots and idle > _PATIENCE:
            return f"has room, but asked for no job for {idle:.0f} s"
        stalled = self.stalled + silent
        if self.busy >= self.slots and stalled > self.patience:
            return f"all {self.slots} slots are busy, and no job ended for {stalled:.0f} s"
        return None
