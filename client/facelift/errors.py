"""What Facelift raises to its callers.

FaceliftError
├── InvalidJob            a field has a wrong value; nothing was done
├── InvalidSettings       an environment variable is missing or wrong
├── JobNotFound           no record under this id: never enqueued, or expired since
├── BatchNotFound         no job was enqueued with this batch's name, or all expired since
├── LedgerUnavailable     Redis cannot be reached, or is loading or failing over
├── LedgerRefused         Redis refused: credentials, permissions, memory, wrong type
│
│   those with a job's record or a batch's status are defined beside what raises them:
├── IdempotencyConflict   the same key or id was enqueued before, for another job
├── EnqueueInterrupted    Redis failed halfway through many jobs
├── WaitTimeout           the job has not ended yet; `record` is its present state
└── BatchTimeout          some jobs of the batch have not ended; `status` is its present state

The outcome of a job that was accepted is never an exception: it is an `OutcomeCode` in the
job's record. Every exception survives pickling with its fields.
"""

from typing import Any, TypeVar

_E = TypeVar("_E", bound="FaceliftError")


class FaceliftError(Exception):
    """The base of every exception that Facelift raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle's own way calls `__init__` with the message in place of the fields.
        return _restored, (type(self), self.args, vars(self))


def _restored(kind: type[_E], arguments: tuple[object, ...], attributes: dict[str, Any]) -> _E:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


class InvalidJob(FaceliftError):  # noqa: N818 - names what is wrong, as JobNotFound does
    """A field of a job, or an argument of a method, has a wrong value; nothing was done.

    Attributes:
        field: the field's name, as in `UploadJob` or in the method that was called.
        reason: what is wrong with it and what would be right.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class InvalidSettings(FaceliftError):  # noqa: N818 - names what is wrong
    """Settings are missing or wrong.

    Attributes:
        problems: one sentence a problem, each beginning with the variable's name.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class JobNotFound(FaceliftError):  # noqa: N818 - names what is wrong
    """No record under this id: the job was never enqueued, or its record has expired."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {job_id!r}: it was never enqueued here, or its record expired")
        self.job_id = job_id


class BatchNotFound(FaceliftError):  # noqa: N818 - names what is wrong
    """No job was enqueued with this batch's name, or all of their records have expired."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"no batch {batch_id!r}: nothing was enqueued in it, or its records expired"
        )
        self.batch_id = batch_id


class LedgerUnavailable(FaceliftError):  # noqa: N818 - names what is wrong
    """Redis cannot be reached, or is loading or failing over.

    After an enqueue the job may or may not have been recorded. Enqueue again with the same
    `job_id`, and there will be one job.
    """


class LedgerRefused(FaceliftError):  # noqa: N818 - names what is wrong
    """Redis refused: wrong password, missing permission, out of memory, wrong type of key."""
