"""What a producer imports: the contract and the ledger of Facelift.

`UploadClient` enqueues and asks; `JobRecord` is what it answers of a job, and
`PoolStatus` of breaker, pauses and accounts. Nothing here reads an image or
speaks to the endpoint: that is the `worker` package.
"""

from tasks.attempt import Attempt
from tasks.batch_status import BatchStatus
from tasks.batches import BatchCancellation
from tasks.client import UploadClient
from tasks.codes import Cancellation, Decision, JobState, OutcomeCode, WaitReason
from tasks.enqueuer import Enqueued
from tasks.errors import (
    BatchNotFound,
    BatchTimeout,
    EnqueueInterrupted,
    FaceliftError,
    IdempotencyConflict,
    InvalidJob,
    InvalidSettings,
    JobNotFound,
    LedgerRefused,
    LedgerUnavailable,
    WaitTimeout,
)
from tasks.job import UploadJob
from tasks.pool_status import PoolStatus
from tasks.record import JobRecord

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
