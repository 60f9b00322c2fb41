"""Batches, many jobs under one name: read their progress, wait for them, cancel the rest.

A batch begins with the first job that is enqueued with its name, and is forgotten when the
records of its jobs are.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from facelift.batch import BatchStatus
from facelift.checks import Duration, Id, check_limit, check_timeout
from facelift.errors import FaceliftError
from facelift.job import Priority, PriorityName, check_batch, check_priority
from facelift.ledger.time_left import limited
from facelift.operations.follow import Following, follow

if TYPE_CHECKING:
    from facelift.ledger.store import JobStore
    from facelift.operations.source import LedgerSource

_EVERY = 0.2  # seconds
_SILENCE = 30.0  # seconds; whatever changes a batch brings a notification
_MOST_LISTED = 1_000


class BatchTimeout(FaceliftError, TimeoutError):  # noqa: N818 - names what is wrong
    """Some jobs of the batch have not ended within the timeout; they go on.

    Attributes:
        status: the batch when it was last read.
        timeout: seconds.
    """

    def __init__(self, status: BatchStatus | Mapping[str, Any], timeout: float) -> None:
        super().__init__(status, timeout)
        self.status = status if isinstance(status, BatchStatus) else BatchStatus.from_dict(status)
        self.timeout = timeout

    def __str__(self) -> str:
        status = self.status
        return (
            f"{status.pending} of {status.total} jobs of batch {status.id} have not ended "
            f"after {self.timeout:g} s"
        )


class BatchCancellation(NamedTuple):
    """What cancelling the rest of a batch did.

    Attributes:
        cancelled: how many jobs it cancelled.
        requested: how many are running: their images may still be delivered, but no further
            attempt begins.
    """

    cancelled: int
    requested: int


def follow_batch(
    ledger: "JobStore", batch_id: Id, timeout: Duration | None, every: Duration = _EVERY
) -> Following[BatchStatus]:
    """Follow a batch until all of its jobs have ended; see `Batches.watch_batch`."""
    seconds = check_timeout("timeout", timeout)
    return Following(
        notifications=ledger.notifications,
        channel=ledger.keys.batch_changes(check_batch(batch_id)),
        has_ended=lambda status: status.is_complete,
        timed_out=BatchTimeout,
        timeout=seconds,
        deadline=ledger.notifications.now() + seconds,
        every=check_timeout("every", every),
        silence=_SILENCE,
    )


class Batches:
    """Reads the progress of batches, and cancels the rest of them."""

    def __init__(self, source: "LedgerSource") -> None:
        self._source = source

    def batch(self, batch_id: Id) -> BatchStatus:
        """Count the jobs of a batch by state and outcome.

        Raises:
            BatchNotFound: no job was enqueued with this name, or all of their records expired.
        """
        return self._source.ledger.records.batch(check_batch(batch_id))

    def batches(self, limit: int = 20) -> tuple[BatchStatus, ...]:
        """The latest batches, newest first.

        Args:
            limit: how many at most, from 1 to 1,000.

        Raises:
            InvalidJob: `limit` is out of bounds.
        """
        return tuple(self._source.ledger.records.batches(check_limit("limit", limit, _MOST_LISTED)))

    def wait_batch(self, batch_id: Id, timeout: Duration | None = 60.0) -> BatchStatus:
        """Wait until every job that the batch has had so far has ended.

        Args:
            batch_id: the batch; enqueue all of its jobs before.
            timeout: seconds or a timedelta to wait at most; None to wait until all have ended.

        Raises:
            BatchTimeout: some have not ended by then; they go on.
            BatchNotFound: no job was enqueued with this name, or all of their records expired.
        """
        *_, status = self.watch_batch(batch_id, timeout)
        return status

    def watch_batch(
        self, batch_id: Id, timeout: Duration | None = 60.0, *, every: Duration = _EVERY
    ) -> Iterator[BatchStatus]:
        """Yield the batch's status, and again as its jobs end until all of them have.

        Args:
            batch_id: the batch.
            timeout: seconds or a timedelta to watch at most; None to watch until all have ended.
            every: seconds or a timedelta between two readings at least.

        Raises:
            BatchTimeout, BatchNotFound: as for `wait_batch`.
        """
        following = follow_batch(self._source.ledger, batch_id, timeout, every)

        def read(seconds: float) -> BatchStatus:
            with limited(seconds):
                return self.batch(batch_id)

        return follow(following, read)

    def cancel_batch(self, batch_id: Id) -> BatchCancellation:
        """Cancel the jobs of a batch that have not ended, as far as possible.

        It takes some hundred of them at a time; repeat it after an error.

        Raises:
            BatchNotFound: no job was enqueued with this name, or all of their records expired.
            LedgerUnavailable, LedgerRefused: some of the jobs may be cancelled.
        """
        known = self.batch(batch_id)
        return BatchCancellation(*self._source.ledger.cancel_batch(known.id))

    def set_batch_priority(self, batch_id: Id, priority: Priority | PriorityName) -> int:
        """Move the jobs of a batch that have not ended to another priority.

        It takes some hundred of them at a time; repeat it after an error. Jobs that join the
        batch later keep their own priority.

        Args:
            batch_id: the batch.
            priority: `high`, `normal` or `low`.

        Returns:
            How many jobs had another priority before.

        Raises:
            InvalidJob: an argument has a wrong value.
            BatchNotFound: no job was enqueued with this name, or all of their records expired.
            LedgerUnavailable, LedgerRefused: some of the jobs may be moved.
        """
        wanted = check_priority(priority)
        known = self.batch(batch_id)
        return self._source.ledger.set_batch_priority(known.id, wanted)
