"""The state of one job while a worker runs it."""

import hashlib
from collections.abc import Callable
from contextlib import suppress

from facelift.asset import Action
from facelift.errors import LedgerUnavailable
from facelift.job import ImageRef
from facelift.ledger.records import Records
from facelift.ledger.replies import Feedback, Lease
from facelift.record import JobRecord
from worker.errors import Interrupted, LeaseLost
from worker.images.validate import ValidImage
from worker.runtime.lease import Held, LeaseKeeper

_ASK_SECONDS = 1.0  # between two questions whether a job is cancelled


class Run:
    """One job, from its lease to its recorded result.

    Times are on the ledger's clock, because a worker's own may be wrong.

    Attributes:
        record: as it was acquired.
        image_ref: the job's image; None if it removes one.
        held: the lease.
        started_at: Unix seconds at which the lease was acquired.
        feedback: of the last request, for the rate limiter and the breakers; None without one.
        is_settled: whether the endpoint is done with every request before the last: none was sent
            again over another connection, so that the first sending may arrive later.

    Raises:
        InvalidJob: the record names no valid image.
    """

    def __init__(self, record: JobRecord, held: Held, monotonic: Callable[[], float]) -> None:
        self.record = record
        is_removal = record.action == Action.REMOVE
        self.image_ref = None if is_removal else ImageRef.parse(record.image or "")
        self.held = held
        self.started_at = record.started_at or record.created_at
        self._image: bytes | None = None
        self._image_sha256: str | None = None
        self.feedback: Feedback | None = None
        self.is_settled = True
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


class Watch:
    """Ends the wait for an image once its job must not go on; called again and again.

    Args:
        run: the job.
        leases: whether its lease is still held.
        records: whether the job is cancelled.
        is_stopping: whether this worker stops.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        run: Run,
        leases: LeaseKeeper,
        records: Records,
        is_stopping: Callable[[], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._run = run
        self._leases = leases
        self._records = records
        self._is_stopping = is_stopping
        self._monotonic = monotonic
        self._ask_at = monotonic() + _ASK_SECONDS

    def __call__(self) -> None:
        """Check; it asks Redis at most once a second.

        Raises:
            LeaseLost: another worker runs the job.
            Interrupted: it is cancelled, its deadline passed, or this worker stops.
        """
        if not self._leases.is_ours(self._run.held):
            raise LeaseLost
        if self._is_stopping() or self._run.now >= self._run.record.expires_at:
            raise Interrupted
        now = self._monotonic()
        if now >= self._ask_at:
            self._ask_at = now + _ASK_SECONDS
            with suppress(LedgerUnavailable):  # the lease tells soon enough
                if self._records.is_cancellation_requested(self._run.record.id):
                    raise Interrupted
