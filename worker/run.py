"""One job in a worker's hands, and what one message came to. Values alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.record import JobRecord
    from tasks.replies import Heard, Lease
    from worker.lease import Held


class Verdict(StrEnum):
    """What one message came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    WAITS = "waits"
    DROPPED = "dropped"
    """A duplicate, or the job is somebody else's; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message came to, for Celery and Flower.

    Attributes:
        verdict: the kind.
        sentence: the same for a person.
        until: Unix seconds of the next look, when it waits.
    """

    verdict: Verdict
    sentence: str
    until: float | None = None


class Run:
    """One job in this worker's hands, and the time since it was claimed.

    Times are told by the ledger's clock: a worker's own may be wrong.

    Attributes:
        record: as it was claimed.
        held: the lease.
        started_at: Unix seconds of the claim.
        original: the image as it is stored, once it was read.
        heard: what the last request told of account and endpoint, if there was one.
    """

    def __init__(self, record: JobRecord, held: Held, monotonic: Callable[[], float]) -> None:
        self.record = record
        self.held = held
        self.started_at = record.started_at or record.created_at
        self.original: bytes | None = None
        self.heard: Heard | None = None
        self._monotonic = monotonic
        self._claimed = monotonic()

    @property
    def lease(self) -> Lease:
        """The lease as the ledger knows it."""
        return self.held.lease

    @property
    def duration(self) -> float:
        """Seconds since the claim."""
        return round(self._monotonic() - self._claimed, 4)

    @property
    def now(self) -> float:
        """Unix seconds."""
        return round(self.started_at + self.duration, 3)
