"""The state of one job while a worker runs it."""

import hashlib
from collections.abc import Callable

from facelift.job import ImageRef
from facelift.ledger.replies import Feedback, Lease
from facelift.record import JobRecord
from worker.images.validate import ValidImage
from worker.runtime.lease import Held


class Run:
    """One job, from its lease to its recorded result.

    Times are on the ledger's clock, because a worker's own may be wrong.

    Attributes:
        record: as it was acquired.
        image_ref: the job's image.
        held: the lease.
        started_at: Unix seconds at which the lease was acquired.
        feedback: of the last request, for the rate limiter and the breakers; None without one.

    Raises:
        InvalidJob: the record names no valid image.
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
        self._acquired_at = monotonic()

    @property
    def lease(self) -> Lease:
        """The lease as the ledger knows it."""
        return self.held.lease

    def has_read(self, data: bytes, image: ValidImage) -> None:
        """The stored image was read; `image` is what is sent."""
        if image.data is data:
            self._image = data
        else:  # the stored image may be large: keep its hash only
            self._image_sha256 = hashlib.sha256(data).hexdigest()

    @property
    def image_sha256(self) -> str | None:
        """The SHA-256 of the stored image; None if it was not read."""
        if self._image_sha256 is None and self._image is not None:
            self._image_sha256 = hashlib.sha256(self._image).hexdigest()
        return self._image_sha256

    @property
    def duration(self) -> float:
        """Seconds since the lease was acquired."""
        return round(self._monotonic() - self._acquired_at, 4)

    @property
    def now(self) -> float:
        """Unix seconds, by the ledger's clock."""
        return round(self.started_at + self.duration, 3)
