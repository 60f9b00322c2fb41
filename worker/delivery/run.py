"""One job in a worker's hands, and what one message came to. Values alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from facelift.job import ImageRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.replies import Feedback, Lease
    from facelift.record import JobRecord
    from worker.images.validate import ValidImage
    from worker.runtime.lease import Held


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
        self.feedback: Feedback | None = None
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
