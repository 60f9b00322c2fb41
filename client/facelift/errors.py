"""What can go wrong for a producer.

FaceliftError
├── InvalidJob            a field is not what it must be; nothing was done
├── IdempotencyConflict   the same key or id was enqueued before, for something else
├── EnqueueInterrupted    Redis went or said no halfway through many jobs
├── InvalidSettings       an environment variable is missing or wrong
├── JobNotFound           no record under this id: never enqueued, or expired since
├── BatchNotFound         no job was enqueued with this batch's name, or all expired since
├── WaitTimeout           the job has not ended yet; `record` is where it stands
├── BatchTimeout          some jobs of the batch have not; `status` is how it stands
├── LedgerUnavailable     Redis cannot be reached, or is loading or failing over
└── LedgerRefused         Redis answered and said no: credentials, rights, memory, type

What becomes of a job that was accepted is never an exception: it is an
`OutcomeCode` in its record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelift.batch import BatchStatus
    from facelift.operations.enqueue import Enqueued
    from facelift.record import JobRecord


class FaceliftError(Exception):
    """Whatever Facelift raises on purpose."""


class InvalidJob(FaceliftError):  # noqa: N818 - names what is wrong, as JobNotFound does
    """A field of a job, or of what is asked of jobs, is not what it must be; nothing was done.

    Attributes:
        field: the field's name, as in `UploadJob` or in the method that was called.
        reason: what is wrong with it and what would be right.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class IdempotencyConflict(FaceliftError):  # noqa: N818
    """The same idempotency key, or job id, was enqueued before for something else.

    Attributes:
        field: the first field that differs.
        record: the job that is there.
    """

    def __init__(self, field: str, given: object, record: JobRecord) -> None:
        super().__init__(
            f"{field}: {given!r} differs from {getattr(record, field)!r} of job {record.id}, "
            f"enqueued before under the same "
            f"{'idempotency key' if record.idempotency_key else 'job id'}"
        )
        self.field = field
        self.record = record


class EnqueueInterrupted(FaceliftError):  # noqa: N818
    """Redis went or said no while many jobs were enqueued.

    Those of `done` are enqueued or in conflict; of the others some may be. Enqueue all of them
    again with these `job_ids`, and there will be one of each.

    Attributes:
        done: what came of the first jobs.
        job_ids: of all jobs, in order.
    """

    def __init__(self, done: list[Enqueued], job_ids: list[str], cause: FaceliftError) -> None:
        super().__init__(f"only the first {len(done)} of {len(job_ids)} are surely done: {cause}")
        self.done = done
        self.job_ids = job_ids


class InvalidSettings(FaceliftError):  # noqa: N818
    """Settings are missing or wrong.

    Attributes:
        problems: one sentence a problem, each beginning with the variable's name.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class JobNotFound(FaceliftError):  # noqa: N818
    """No record under this id: it was never enqueued, or has expired since."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {job_id!r}: it was never enqueued here, or its record expired")
        self.job_id = job_id


class BatchNotFound(FaceliftError):  # noqa: N818
    """No job was enqueued with this batch's name, or all records of them have expired."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"no batch {batch_id!r}: nothing was enqueued in it, or its records expired"
        )
        self.batch_id = batch_id


class WaitTimeout(FaceliftError):  # noqa: N818
    """The job has not ended within the time given; it goes on.

    Attributes:
        record: where the job stood at the last look.
    """

    def __init__(self, record: JobRecord, timeout: float) -> None:
        super().__init__(f"job {record.id} is still {record.state} after {timeout:g} s")
        self.record = record


class BatchTimeout(FaceliftError):  # noqa: N818
    """Some jobs of the batch have not ended within the time given; they go on.

    Attributes:
        status: how the batch stood at the last look.
    """

    def __init__(self, status: BatchStatus, timeout: float) -> None:
        super().__init__(
            f"{status.pending} of {status.total} jobs of batch {status.id} have not ended "
            f"after {timeout:g} s"
        )
        self.status = status


class LedgerUnavailable(FaceliftError):  # noqa: N818
    """Redis cannot be reached, or is loading or failing over.

    After an enqueue the job may or may not have been recorded; enqueue again
    with the same `job_id` and there will be one.
    """


class LedgerRefused(FaceliftError):  # noqa: N818
    """Redis answered and said no: wrong password, missing right, out of memory, wrong type."""
