"""One job in a worker's hands, and what one message came to. Values alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tasks.codes import JobState, WaitReason
from tasks.job import ImageRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.record import JobRecord
    from tasks.replies import Heard, Lease
    from worker.image import ValidImage
    from worker.lease import Held


class Verdict(StrEnum):
    """What one message came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    WAITS = "waits"
    WITHDRAWN = "withdrawn"
    """The job was superseded or cancelled, or nobody knows it."""
    DROPPED = "dropped"
    """Another worker has the job; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message came to, for Celery and Flower.

    Attributes:
        verdict: the kind.
        sentence: the same for a person.
        until: Unix seconds of the next look, when it waits for a time.
    """

    verdict: Verdict
    sentence: str
    until: float | None = None


def ended_before(state: JobState) -> Report:
    """The report for a message whose job has ended already, or ended before its request."""
    verdict = {
        JobState.SUCCEEDED: Verdict.DELIVERED,
        JobState.FAILED: Verdict.FAILED,
        JobState.EXPIRED: Verdict.FAILED,
    }.get(state, Verdict.WITHDRAWN)
    return Report(verdict, f"The job has ended before: {state}.")


def waits(reason: WaitReason, message: str, until: float) -> Report:
    """The report for a job that is not to go on now."""
    # The others wait for something to happen; their `until` is the job's deadline.
    is_timed = reason in {WaitReason.RETRY, WaitReason.SCHEDULED}
    return Report(Verdict.WAITS, message, until if is_timed else None)


class Run:
    """One job in this worker's hands, and the time since it was claimed.

    Times are told by the ledger's clock: a worker's own may be wrong.

    Attributes:
        record: as it was claimed.
        image_ref: which image it is about.
        held: the lease.
        started_at: Unix seconds of the claim.
        heard: what the last request told of account and endpoint, if there was one.

    Raises:
        InvalidJob: the record does not say which image.
    """

    def __init__(self, record: JobRecord, held: Held, monotonic: Callable[[], float]) -> None:
        self.record = record
        self.image_ref = ImageRef.parse(record.image)
        self.held = held
        self.started_at = record.started_at or record.created_at
        self._image: bytes | None = None
        self._image_sha256: str | None = None
        self.heard: Heard | None = None
        self._monotonic = monotonic
        self._claimed = monotonic()

    @property
    def lease(self) -> Lease:
        """The lease as the ledger knows it."""
        return self.held.lease

    def has_read(self, data: bytes, image: ValidImage) -> None:
        """The stored image, and what is sent of it."""
        if image.data is data:
            self._image = data
        else:  # it may be large, and is not needed any more
            self._image_sha256 = hashlib.sha256(data).hexdigest()

    @property
    def image_sha256(self) -> str | None:
        """What the stored image hashes to; None if it was not read."""
        if self._image_sha256 is None and self._image is not None:
            self._image_sha256 = hashlib.sha256(self._image).hexdigest()
        return self._image_sha256

    @property
    def duration(self) -> float:
        """Seconds since the claim."""
        return round(self._monotonic() - self._claimed, 4)

    @property
    def now(self) -> float:
        """Unix seconds."""
        return round(self.started_at + self.duration, 3)
