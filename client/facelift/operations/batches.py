"""Many jobs under one name: how they stand, being told, cancelling the rest.

An `UploadClient` can do all of this. A batch begins with the first job that is enqueued with
its name, and is forgotten when the records of its jobs are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError, InvalidJob
from facelift.job import check_batch
from facelift.operations.follow import Patience, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.batch import BatchStatus
    from facelift.ledger.store import JobStore

_EVERY = 0.2  # seconds
_MOST_LISTED = 1_000


class BatchTimeout(FaceliftError):  # noqa: N818 - names what is wrong
    """Some jobs of the batch have not ended within the timeout; they go on.

    Attributes:
        status: the batch when it was last read.
    """

    def __init__(self, status: BatchStatus, timeout: float) -> None:
        super().__init__(
            f"{status.pending} of {status.total} jobs of batch {status.id} have not ended "
            f"after {timeout:g} s"
        )
        self.status = status


@dataclass(frozen=True, slots=True)
class BatchCancellation:
    """What came of asking for the rest of a batch to be cancelled.

    Attributes:
        cancelled: how many jobs are cancelled by this.
        requested: how many a worker runs: their pictures may still be delivered, but no
            further try begins.
    """

    cancelled: int
    requested: int


class Batches:
    """Tells how batches stand, and cancels what is left of them.

    Args:
        store: the ledger.
    """

    def __init__(self, store: JobStore) -> None:
        self._batches = store

    def batch(self, batch_id: str) -> BatchStatus:
        """How many jobs of a batch are where.

        Raises:
            BatchNotFound: no job was enqueued with this name, or all records of them expired.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        return self._batches.batch(check_batch(batch_id))

    def batches(self, limit: int = 20) -> tuple[BatchStatus, ...]:
        """How the last batches stand, those that began last first.

        Args:
            limit: how many at most, from 1 to 1,000.

        Raises:
            InvalidJob: `limit` is none of these numbers.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        if not 1 <= limit <= _MOST_LISTED:
            raise InvalidJob("limit", f"must be a whole number from 1 to {_MOST_LISTED}")
        return tuple(self._batches.batches(limit))

    def wait_batch(
        self,
        batch_id: str,
        timeout: float = 60.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> BatchStatus:
        """Wait until every job that the batch has had so far has ended.

        Args:
            batch_id: the batch; enqueue all of its jobs before.
            timeout: seconds to wait at most.
            monotonic: how to tell time.

        Raises:
            BatchTimeout: some have not ended by then; they go on.
            BatchNotFound: no job was enqueued with this name, or all records of them expired.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        *_, status = self.watch_batch(batch_id, timeout, monotonic=monotonic)
        return status

    def watch_batch(
        self,
        batch_id: str,
        timeout: float = 60.0,
        *,
        every: float = _EVERY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Iterator[BatchStatus]:
        """Yield how the batch stands, and again as its jobs end until all of them have.

        Args:
            batch_id: the batch.
            timeout: seconds to watch at most.
            every: seconds between two looks at least.
            monotonic: how to tell time.

        Raises:
            BatchTimeout: some have not ended by then; they go on.
            BatchNotFound: no job was enqueued with this name, or all records of them expired.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        return follow(
            lambda: self.batch(batch_id),
            lambda status: status.is_complete,
            lambda: self._batches.listening(self._batches.keys.batch_changes(batch_id)),
            Patience(timeout, every, monotonic),
            lambda status: BatchTimeout(status, timeout),
        )

    def cancel_batch(self, batch_id: str) -> BatchCancellation:
        """Have the jobs of a batch that have not ended not delivered, as far as possible.

        It takes some hundred of them at a time; repeat it after an error.

        Raises:
            BatchNotFound: no job was enqueued with this name, or all records of them expired.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no; some of the
                jobs may be cancelled.
        """
        self.batch(batch_id)
        return BatchCancellation(*self._batches.cancel_batch(batch_id))
