"""What producers do: enqueue jobs, one by one or many at once, cancel and replay them."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from facelift.checks import FromNow, Id
from facelift.codes import Cancellation, PriorityChange
from facelift.errors import (
    FaceliftError,
    InvalidJob,
    JobNotFound,
    LedgerRefused,
    LedgerUnavailable,
)
from facelift.job import (
    JobFields,
    Priority,
    PriorityName,
    RemovalFields,
    UploadJob,
    check_job_id,
    check_priority,
)
from facelift.operations.source import LedgerSource
from facelift.record import JobRecord

_JOBS_A_ROUND_TRIP = 200  # more are not faster
_WANTED = ("chatbot_id", "image", "account", "sha256", "fit", "fit_focus", "asset", "action")
_REPLAYED = (*_WANTED, "priority", "fairness_key", "metadata")
_COMPARED = ("idempotency_key", *_WANTED, "not_before")


class IdempotencyConflict(FaceliftError):  # noqa: N818 - names what is wrong
    """The same idempotency key, or job id, was enqueued before for another job.

    Attributes:
        field: the first field that differs.
        given: its value now.
        record: the job that was enqueued before.
    """

    def __init__(self, field: str, given: object, record: JobRecord | Mapping[str, Any]) -> None:
        super().__init__(field, given, record)
        self.field = field
        self.given = given
        self.record = record if isinstance(record, JobRecord) else JobRecord.from_dict(record)

    def __str__(self) -> str:
        field, record = self.field, self.record
        is_of_key = (
            record.idempotency_key and field != "idempotency_key"
        )  # else the ids are the same
        return (
            f"{field}: {_said(self.given)} differs from {_said(getattr(record, field))} "
            f"of job {record.id}, enqueued before under the same "
            f"{'idempotency key' if is_of_key else 'job id'}"
        )


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The result for one job among many.

    Attributes:
        record: the job's; or, after a conflict, that of the job in its way.
        is_new: whether it was enqueued now; False if it had been before.
        conflict: why it was not enqueued; None if it was, now or before.
    """

    record: JobRecord
    is_new: bool
    conflict: IdempotencyConflict | None = None

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make it of what `as_dict` returned, also after a way through JSON."""
        conflict = given["conflict"]
        return cls(
            record=JobRecord.from_dict(given["record"]),
            is_new=given["is_new"],
            conflict=IdempotencyConflict(*conflict) if conflict else None,
        )

    def as_dict(self) -> dict[str, object]:
        """The same names and values, ready for JSON; of a conflict its arguments."""
        conflict = self.conflict
        return {
            "record": self.record.as_dict(),
            "is_new": self.is_new,
            "conflict": conflict and [conflict.field, conflict.given, conflict.record.as_dict()],
        }

    __json__ = as_dict


class EnqueueInterrupted(FaceliftError):  # noqa: N818 - names what is wrong
    """Redis failed while many jobs were enqueued.

    Those of `done` are enqueued or in conflict; some of the others may be. Enqueue all of them
    again with these `job_ids`, and there will be one of each.

    Attributes:
        done: the results of the first jobs.
        job_ids: of all jobs, in order.
        reason: what failed.
    """

    def __init__(
        self, done: Sequence[Enqueued | Mapping[str, Any]], job_ids: list[str], reason: str
    ) -> None:
        super().__init__(done, job_ids, reason)
        self.done = [
            each if isinstance(each, Enqueued) else Enqueued.from_dict(each) for each in done
        ]
        self.job_ids = job_ids
        self.reason = reason

    def __str__(self) -> str:
        done, all_of_them = len(self.done), len(self.job_ids)
        return f"only the first {done} of {all_of_them} are surely done: {self.reason}"


class Producer:
    """Records jobs and sends their wake-up messages, each job in one atomic step.

    Args:
        source: gives the ledger.
        lifetime: seconds; see `UploadClient`.
        idempotency_window: seconds; see `UploadClient`.
    """

    def __init__(self, source: LedgerSource, lifetime: float, idempotency_window: int) -> None:
        self._source = source
        self._lifetime = lifetime
        self._idempotency_window = idempotency_window

    def enqueue_job(self, job: UploadJob, job_id: Id | None = None) -> JobRecord:
        """Do what `UploadClient.enqueue` does, for a job that was made and checked before."""
        if not isinstance(job, UploadJob):
            raise InvalidJob("job", f"must be an UploadJob, not {type(job).__name__}")
        return self._enqueue(job, job_id)

    def enqueue_many(
        self,
        jobs: Iterable[UploadJob | JobFields | RemovalFields],
        *,
        job_ids: Iterable[Id] | None = None,
    ) -> list[Enqueued]:
        """Enqueue many jobs in few round trips, in the order given.

        Each job is recorded by itself: the result of one changes nothing for the others.

        Args:
            jobs: made and checked before, or the fields of each as a mapping.
            job_ids: one for each job, to send them again after an error; new ones by default.

        Returns:
            For each job its record, whether it is new, and the conflict if it was not enqueued.

        Raises:
            InvalidJob: a job or an id has a wrong value; nothing was enqueued.
            EnqueueInterrupted: Redis failed halfway. It holds the results so far and the ids;
                enqueue all again with `job_ids=error.job_ids`, and there will be one of each.
        """
        made = [_job(number, job) for number, job in enumerate(_many("jobs", jobs))]
        ids = [_new_id() for _ in made] if job_ids is None else _ids(job_ids)
        if len(ids) != len(made):
            raise InvalidJob("job_ids", f"there are {len(ids)} for {len(made)} jobs")
        done: list[Enqueued] = []
        try:
            while (at := len(done)) < len(made):
                batch = made[at : at + _JOBS_A_ROUND_TRIP]
                replies = self._source.ledger.enqueue_each(
                    zip(batch, ids[at:], strict=False),
                    lifetime=self._lifetime,
                    idempotency_window=self._idempotency_window,
                )
                for job, (is_new, record) in zip(batch, replies, strict=True):
                    conflict = None if is_new else _conflict(job, record)
                    done.append(Enqueued(record, is_new, conflict))
        except (LedgerUnavailable, LedgerRefused) as error:
            raise EnqueueInterrupted(done, ids, str(error)) from error
        return done

    def cancel(self, job_id: Id) -> Cancellation:
        """Cancel a job if that is still possible; the answer says whether it was.

        Raises:
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable, LedgerRefused: it may or may not be cancelled; cancel it again.
        """
        return self._source.ledger.cancel(check_job_id(job_id))

    def set_priority(self, job_id: Id, priority: Priority | PriorityName) -> PriorityChange:
        """Move a job to another priority; it keeps its age, and the order within its chatbot.

        Args:
            job_id: a job that has not ended.
            priority: `high`, `normal` or `low`.

        Raises:
            InvalidJob: an argument has a wrong value.
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable, LedgerRefused: it may or may not be moved; move it again.
        """
        wanted, name = check_priority(priority), check_job_id(job_id)
        reply = self._source.ledger.set_priority(name, wanted)
        if reply == "unknown":
            raise JobNotFound(name)
        return PriorityChange(reply)

    def replay(self, job_id: Id, *, new_id: Id | None = None) -> JobRecord:
        """Enqueue what an ended job was about once more, as a new job.

        The new job's `replay_of` is `job_id`. It keeps priority and fairness key, has no
        idempotency key, no `not_before` and no batch, and a deadline of its own.

        Args:
            job_id: the job that has ended.
            new_id: an id of your own for the new job; safe to send again after an error.

        Raises:
            InvalidJob: the job has not ended, or could never be carried out.
            IdempotencyConflict: `new_id` was used before for another job.
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable, LedgerRefused: the job may or may not be enqueued.
        """
        ended = self._source.ledger.records.get(check_job_id(job_id))
        if not ended.state.is_terminal:
            raise InvalidJob("replay_of", f"job {ended.id} is {ended.state}; it must have ended")
        if new_id is not None:
            new_id = check_job_id(new_id, "new_id")
        job = UploadJob.from_fields({name: getattr(ended, name) for name in _REPLAYED})
        record = self._enqueue(job, new_id, replay_of=ended.id)
        if record.replay_of != ended.id:
            raise IdempotencyConflict("replay_of", ended.id, record)
        return record

    def _enqueue(
        self, job: UploadJob, job_id: Id | None, *, replay_of: str | None = None
    ) -> JobRecord:
        is_new, record = self._source.ledger.enqueue(
            job,
            _new_id() if job_id is None else check_job_id(job_id),
            lifetime=self._lifetime,
            idempotency_window=self._idempotency_window,
            replay_of=replay_of,
        )
        if not is_new and (conflict := _conflict(job, record)):
            raise conflict
        return record


def _new_id() -> str:
    return str(uuid.uuid4())


def _many(field: str, given: object) -> Iterable[Any]:
    """Return `given` if it holds several things: text and mappings hold others than meant."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidJob(field, f"must be a list, not {type(given).__name__}")
    return given


def _job(number: int, given: object) -> UploadJob:
    if isinstance(given, UploadJob):
        return given
    if not isinstance(given, Mapping):
        problem = f"must be an UploadJob or a mapping of its fields, not {type(given).__name__}"
        raise InvalidJob(f"jobs[{number}]", problem)
    try:
        return UploadJob.from_fields(given)
    except InvalidJob as error:
        raise InvalidJob(f"jobs[{number}].{error.field}", error.reason) from None


def _ids(given: Iterable[Id]) -> list[str]:
    ids = enumerate(_many("job_ids", given))
    return [check_job_id(each, f"job_ids[{number}]") for number, each in ids]


def _said(value: object) -> str:
    return repr(str(value) if isinstance(value, str) else value)


def _conflict(job: UploadJob, record: JobRecord) -> IdempotencyConflict | None:
    """The first field in which the record under a job's key or id is another job's.

    A deadline is not compared: it is often counted from now, and the first one stays.
    """
    for field in _COMPARED:
        given = getattr(job, field)
        # Repeated later, a span from now is another time, and the same wish.
        if given != getattr(record, field) and not isinstance(given, FromNow):
            return IdempotencyConflict(field, given, record)
    return None
