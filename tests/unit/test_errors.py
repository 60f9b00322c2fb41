"""The exceptions of the client: they cross processes, as those of a Celery task do."""

from __future__ import annotations

import pickle

import pytest

import facelift
from facelift.batch import BatchStatus
from facelift.operations.enqueue import Enqueued
from facelift.record import JobRecord

RECORD = JobRecord.decode(
    "job-1",
    {
        "version": "1",
        "state": "queued",
        "chatbot_id": "bot",
        "image": "media:a.png",
        "created_at": "1764000000",
        "expires_at": "1764086400",
    },
)
STATUS = BatchStatus.decode("logos", {"total": "2", "queued": "2", "created_at": "1764000000"})
DOWN = facelift.LedgerUnavailable("Redis cannot be reached: refused")
ERRORS = [
    DOWN,
    facelift.LedgerRefused("Redis is full"),
    facelift.InvalidJob("fit", "must be strict"),
    facelift.InvalidSettings(["FACELIFT_REDIS_URL is wrong", "FACELIFT_DEADLINE is wrong"]),
    facelift.JobNotFound("job-1"),
    facelift.BatchNotFound("logos"),
    facelift.IdempotencyConflict("image", "media:b.png", RECORD),
    facelift.EnqueueInterrupted([Enqueued(RECORD, is_new=True)], ["job-1", "job-2"], DOWN),
    facelift.WaitTimeout(RECORD, 60),
    facelift.BatchTimeout(STATUS, 60),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_exception_survives_pickling_with_its_fields(error: facelift.FaceliftError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_every_exported_exception_is_listed_here() -> None:
    exported = {
        value
        for name in facelift.__all__
        if isinstance(value := getattr(facelift, name), type)
        and issubclass(value, facelift.FaceliftError)
    }
    assert {type(error) for error in ERRORS} == exported - {facelift.FaceliftError}
