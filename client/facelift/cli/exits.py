"""The exit codes of `facelift`. Stable: scripts may rely on them."""

from enum import IntEnum
from typing import Self

from facelift.batch import BatchStatus
from facelift.codes import JobState
from facelift.errors import (
    BatchNotFound,
    FaceliftError,
    InvalidJob,
    InvalidSettings,
    JobNotFound,
    LedgerRefused,
    LedgerUnavailable,
)
from facelift.operations.batches import BatchTimeout
from facelift.operations.enqueue import EnqueueInterrupted, IdempotencyConflict
from facelift.operations.observe import WaitTimeout
from facelift.record import JobRecord


class Exit(IntEnum):
    """What the command's end means."""

    meaning: str

    OK = 0, "delivered, or done"
    ERROR = 1, "an error of another kind"
    USAGE = 2, "bad usage or bad input"
    FAILED = 3, "the job, or one of the batch, failed or expired; or an image is refused"
    NOT_FOUND = 4, "no such job or batch"
    NO_REDIS = 5, "Redis cannot be reached, or refuses"
    PENDING = 6, "the job, or one of the batch, has not ended yet"
    SET_ASIDE = 7, "the job, or one of the batch, was superseded or cancelled"

    def __new__(cls, code: int, meaning: str) -> Self:
        """A member is its code and knows its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


_BY_ERROR: dict[type[FaceliftError], Exit] = {
    InvalidJob: Exit.USAGE,
    InvalidSettings: Exit.USAGE,
    IdempotencyConflict: Exit.USAGE,
    JobNotFound: Exit.NOT_FOUND,
    BatchNotFound: Exit.NOT_FOUND,
    EnqueueInterrupted: Exit.NO_REDIS,
    LedgerUnavailable: Exit.NO_REDIS,
    LedgerRefused: Exit.NO_REDIS,
    WaitTimeout: Exit.PENDING,
    BatchTimeout: Exit.PENDING,
}

_BY_STATE = {
    JobState.SUCCEEDED: Exit.OK,
    JobState.FAILED: Exit.FAILED,
    JobState.EXPIRED: Exit.FAILED,
    JobState.SUPERSEDED: Exit.SET_ASIDE,
    JobState.CANCELLED: Exit.SET_ASIDE,
}


def exit_for(error: FaceliftError) -> Exit:
    """The exit code of an error."""
    return _BY_ERROR.get(type(error), Exit.ERROR)


def exit_of(record: JobRecord) -> Exit:
    """The exit code of where a job stands."""
    return _BY_STATE.get(record.state, Exit.ERROR if record.has_ended else Exit.PENDING)


def exit_of_batch(status: BatchStatus) -> Exit:
    """The exit code of where a batch stands: that of the job which fared worst."""
    if not status.is_complete:
        return Exit.PENDING
    found = {_BY_STATE[state] for state in status.states}
    return next(code for code in (Exit.FAILED, Exit.SET_ASIDE, Exit.OK) if code in found)
