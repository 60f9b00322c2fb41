"""What a producer imports: the contract and the ledger of Facelift.

`UploadClient` enqueues and asks; `JobRecord` is what it answers of a job, and
`PoolStatus` of breaker, pauses and accounts. Nothing here reads an image or
speaks to the endpoint: that is the `worker` package.
"""

from facelift.attempt import Attempt
from facelift.batch import BatchStatus
from facelift.client import UploadClient
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
