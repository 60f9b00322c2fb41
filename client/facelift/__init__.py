"""Enqueue uploads of chatbot profile pictures, and read their outcomes.

    from facelift import UploadClient

    client = UploadClient.from_env()  # FACELIFT_REDIS_URL
    job = client.enqueue("5QHA6VB-DIAbBhxwqxfdi", "media:bots/42.png")
    record = client.wait(job.id, timeout=60)

`AsyncUploadClient` does the same for asyncio. Everything else here is what they take, return
or raise.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facelift.attempt import Attempt
from facelift.batch import BatchStatus
from facelift.codes import (
    Cancellation,
    Decision,
    JobState,
    OutcomeCode,
    PriorityChange,
    WaitReason,
)
from facelift.errors import (
    BatchNotFound,
    FaceliftError,
    InvalidJob,
    InvalidSettings,
    JobNotFound,
    LedgerRefused,
    LedgerUnavailable,
)
from facelift.job import Priority, UploadJob
from facelift.operations.batches import BatchCancellation, BatchTimeout
from facelift.operations.enqueue import Enqueued, EnqueueInterrupted, IdempotencyConflict
from facelift.operations.observe import WaitTimeout
from facelift.queries import Outcome, Page
from facelift.record import JobRecord
from facelift.status.pool import (
    AccountStatus,
    BreakerState,
    Event,
    EventKind,
    Pause,
    PoolStatus,
    SuspectStatus,
)
from facelift.status.server import ServerStatus
from facelift.status.worker import WorkerStatus

if TYPE_CHECKING:
    from facelift.aio import AsyncUploadClient
    from facelift.client import UploadClient

__all__ = [
    "AccountStatus",
    "AsyncUploadClient",
    "Attempt",
    "BatchCancellation",
    "BatchNotFound",
    "BatchStatus",
    "BatchTimeout",
    "BreakerState",
    "Cancellation",
    "Decision",
    "EnqueueInterrupted",
    "Enqueued",
    "Event",
    "EventKind",
    "FaceliftError",
    "IdempotencyConflict",
    "InvalidJob",
    "InvalidSettings",
    "JobNotFound",
    "JobRecord",
    "JobState",
    "LedgerRefused",
    "LedgerUnavailable",
    "Outcome",
    "OutcomeCode",
    "Page",
    "Pause",
    "PoolStatus",
    "Priority",
    "PriorityChange",
    "ServerStatus",
    "SuspectStatus",
    "UploadClient",
    "UploadJob",
    "WaitReason",
    "WaitTimeout",
    "WorkerStatus",
]


if not TYPE_CHECKING:  # to a type checker it would say that every name exists

    def __getattr__(name: str) -> object:
        """Import a client, and with it redis, at its first use: `facelift --help` needs none."""
        if name not in {"UploadClient", "AsyncUploadClient"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module("facelift.client" if name == "UploadClient" else "facelift.aio")
        return getattr(module, name)
