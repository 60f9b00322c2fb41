"""What Facelift raises to its callers.

FaceliftError
├── InvalidJob            ValueError: a field has a wrong value; nothing was done
├── InvalidSettings       ValueError: an environment variable is missing or wrong
├── JobNotFound           LookupError: no record under this id: never enqueued, or expired since
├── BatchNotFound         LookupError: no job was enqueued in this batch, or all expired since
├── LedgerUnavailable     ConnectionError: Redis cannot be reached, or is loading or failing over
├── LedgerRefused         Redis refused: credentials, permissions, memory, wrong type
│
│   those with a job's record or a batch's status are defined beside what raises them:
├── IdempotencyConflict   the same key or id was enqueued before, for another job
├── EnqueueInterrupted    Redis failed halfway through many jobs
├── WaitTimeout           TimeoutError: the job has not ended yet; `record` is its present state
└── BatchTimeout          TimeoutError: some jobs have not ended; `status` is the batch's state

Where Python has an exception for the same, ours is one of it too, so that code which does not
know Facelift handles it.

The outcome of a job that was accepted is never an exception: it is an `OutcomeCode` in the
job's record.

Every exception can be pickled and copied with its fields, and made again from its `args`: they
are its arguments, and JSON can hold them. So it crosses processes as it is, by
`multiprocessing` and by Celery's result backends alike.
"""


class FaceliftError(Exception):
    """The base of every exception that Facelift raises on purpose."""

    def __init__(self, *arguments: object) -> None:
        # Not by `OSError`, which takes two arguments for a number and a text of the system.
        self.args = arguments


class InvalidJob(FaceliftError, ValueError):  # noqa: N818 - names what is wrong
    """A field of a job, or an argument of a method, has a wrong value; nothing was done.

    Attributes:
        field: the field's name, as in `UploadJob` or in the method that was called.
        reason: what is wrong with it and what would be right.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class InvalidSettings(FaceliftError, ValueError):  # noqa: N818 - names what is wrong
    """Settings are missing or wrong.

    Attributes:
        problems: one sentence a problem, each beginning with the variable's name.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class JobNotFound(FaceliftError, LookupError):  # noqa: N818 - names what is wrong
    """No record under this id: the job was never enqueued, or its record has expired.

    Attributes:
        job_id: the id.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"no job {self.job_id!r}: it was never enqueued here, or its record expired"


class BatchNotFound(FaceliftError, LookupError):  # noqa: N818 - names what is wrong
    """No job was enqueued with this batch's name, or all of their records have expired.

    Attributes:
        batch_id: the name.
    """

    def __init__(self, batch_id: str) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id

    def __str__(self) -> str:
        return f"no batch {self.batch_id!r}: nothing was enqueued in it, or its records expired"


class LedgerUnavailable(FaceliftError, ConnectionError):  # noqa: N818 - names what is wrong
    """Redis cannot be reached, or is loading or failing over.

    After an enqueue the job may or may not have been recorded. Enqueue again with the same
    `job_id`, and there will be one job.
    """


class LedgerRefused(FaceliftError):  # noqa: N818 - names what is wrong
    """Redis refused: wrong password, missing permission, out of memory, wrong type of key."""
