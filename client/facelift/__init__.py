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

from facelift.asset import Action, ActionName, Asset, AssetName
from facelift.attempt import Attempt
from facelift.batch import BatchStatus
from facelift.checks import Duration, Id, Moment
from facelift.codes import (
    Cancellation,
    Decision,
    JobState,
    OutcomeCode,
    PriorityChange,
    StateName,
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
from facelift.fit import Fit, FitName, Focus
from facelift.job import (
    ImageRef,
    JobFields,
    Priority,
    PriorityName,
    RemovalFields,
    UploadJob,
)
from facelift.operations.batches import BatchCancellation, BatchTimeout
from facelift.operations.enqueue import Enqueued, EnqueueInterrupted, IdempotencyConflict
from facelift.operations.observe import WaitTimeout
from facelift.queries import Outcome, Page
from facelift.record import JobRecord

if TYPE_CHECKING:
    from facelift.aio import AsyncUploadClient
    from facelift.client import UploadClient
    from facelift.status import (
        AccountStatus,
        BreakerState,
        ClockStatus,
        Event,
        EventKind,
        Pause,
        PoolStatus,
        RefusedMessage,
        ServerStatus,
        StoreOutage,
        SuspectStatus,
        WorkerStatus,
        WrongType,
    )

__all__ = [
    "AccountStatus",
    "Action",
    "ActionName",
    "Asset",
    "AssetName",
    "AsyncUploadClient",
    "Attempt",
    "BatchCancellation",
    "BatchNotFound",
    "BatchStatus",
    "BatchTimeout",
    "BreakerState",
    "Cancellation",
    "ClockStatus",
    "Decision",
    "Duration",
    "EnqueueInterrupted",
    "Enqueued",
    "Event",
    "EventKind",
    "FaceliftError",
    "Fit",
    "FitName",
    "Focus",
    "Id",
    "IdempotencyConflict",
    "ImageRef",
    "InvalidJob",
    "InvalidSettings",
    "JobFields",
    "JobNotFound",
    "JobRecord",
    "JobState",
    "LedgerRefused",
    "LedgerUnavailable",
    "Moment",
    "Outcome",
    "OutcomeCode",
    "Page",
    "Pause",
    "PoolStatus",
    "Priority",
    "PriorityChange",
    "PriorityName",
    "RefusedMessage",
    "RemovalFields",
    "ServerStatus",
    "StateName",
    "StoreOutage",
    "SuspectStatus",
    "UploadClient",
    "UploadJob",
    "WaitReason",
    "WaitTimeout",
    "WorkerStatus",
    "WrongType",
]


if not TYPE_CHECKING:  # to a type checker it would say that every name exists

    def __getattr__(name: str) -> object:
        """Import a client, and with it redis, at its first use: `facelift --help` needs none."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = {"UploadClient": "facelift.client", "AsyncUploadClient": "facelift.aio"}
        return getattr(import_module(modules.get(name, "facelift.status")), name)

    def __dir__() -> list[str]:
        return [*globals(), *__all__]
