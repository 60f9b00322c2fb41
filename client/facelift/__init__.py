"""What a producer imports: the contract and the ledger of Facelift.

`UploadClient` enqueues and asks; `JobRecord` is what it answers of a job, and
`PoolStatus` of breaker, pauses and accounts. Nothing here reads an image or
speaks to the endpoint: that is the `worker` package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facelift.attempt import Attempt
from facelift.batch import BatchStatus
from facelift.codes import Cancellation, Decision, JobState, OutcomeCode, WaitReason
from facelift.errors import (
    BatchNotFound,
    FaceliftError,
    InvalidJob,
    InvalidSettings,
    JobNotFound,
    LedgerRefused,
    LedgerUnavailable,
)
from facelift.job import UploadJob
from facelift.operations.batches import BatchCancellation, BatchTimeout
from facelift.operations.enqueue import Enqueued, EnqueueInterrupted, IdempotencyConflict
from facelift.operations.observe import WaitTimeout
from facelift.record import JobRecord
from facelift.status.pool import PoolStatus

if TYPE_CHECKING:
    from facelift.client import UploadClient

__all__ = [
    "Attempt",
    "BatchCancellation",
    "BatchNotFound",
    "BatchStatus",
    "BatchTimeout",
    "Cancellation",
    "Decision",
    "EnqueueInterrupted",
    "Enqueued",
    "FaceliftError",
    "IdempotencyConflict",
    "InvalidJob",
    "InvalidSettings",
    "JobNotFound",
    "JobRecord",
    "JobState",
    "LedgerRefused",
    "LedgerUnavailable",
    "OutcomeCode",
    "PoolStatus",
    "UploadClient",
    "UploadJob",
    "WaitReason",
    "WaitTimeout",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    """Import `UploadClient` at its first use: `facelift --help` needs no Redis client."""
    if name != "UploadClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from facelift.client import UploadClient  # noqa: PLC0415 - see above

    return UploadClient
