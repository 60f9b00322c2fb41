"""How jobs get into the ledger: one by one, or many in few round trips."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError, InvalidJob, LedgerRefused, LedgerUnavailable
from facelift.job import check_job_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facelift.job import UploadJob
    from facelift.ledger.store import JobStore
    from facelift.record import JobRecord

_BATCH = 200  # jobs a round trip; larger ones are not faster
_COMPARED = ("idempotency_key", "chatbot_id", "image", "account", "sha256", "not_before", "fit")


class IdempotencyConflict(FaceliftError):  # noqa: N818 - names what is wrong
    """The same idempotency key, or job id, was enqueued before for another job.

    Attributes:
        field: the first field that differs.
        record: the job that was enqueued before.
    """

    def __init__(self, field: str, given: object, record: JobRecord) -> None:
        super().__init__(
            f"{field}: {given!r} differs from {getattr(record, field)!r} of job {record.id}, "
            f"enqueued before under the same "
            f"{'idempotency key' if record.idempotency_key else 'job id'}"
        )
        self.field = field
        self.record = record


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What came of one job among many.

    Attributes:
        record: the job's; or, if there is a conflict, that of the job in its way.
        is_new: whether it was enqueued now; False if it had been before.
        conflict: why it was not enqueued; None if it was, now or before.
    """

    record: JobRecord
    is_new: bool
    conflict: IdempotencyConflict | None = None


class EnqueueInterrupted(FaceliftError):  # noqa: N818 - names what is wrong
    """Redis failed while many jobs were enqueued.

    Those of `done` are enqueued or in conflict; some of the others may be. Enqueue all of them
    again with these `job_ids`, and there will be one of each.

    Attributes:
        done: the results of the first jobs.
        job_ids: of all jobs, in order.
    """

    def __init__(self, done: list[Enqueued], job_ids: list[str], cause: FaceliftError) -> None:
        super().__init__(f"only the first {len(done)} of {len(job_ids)} are surely done: {cause}")
        self.done = done
        self.job_ids = job_ids


class Enqueuer:
    """Records jobs and sends their messages; each job in one atomic step.

    Args:
        store: the ledger.
        lifetime: seconds until a job expires, if it does not say.
        idempotency_window: seconds for which an idempotency key is remembered.
    """

    def __init__(self, store: JobStore, *, lifetime: float, idempotency_window: int) -> None:
        self._store = store
        self._lifetime = lifetime
        self._idempotency_window = idempotency_window

    def one(
        self, job: UploadJob, job_id: str | None = None, *, replay_of: str | None = None
    ) -> JobRecord:
        """Enqueue a job; its id is a new one by default.

        Raises:
            IdempotencyConflict: the key or id was used before for something else.
            InvalidJob: the id cannot be one.
            LedgerUnavailable, LedgerRefused: it may or may not be enqueued.
        """
        is_new, record = self._store.enqueue(
            job,
            _new_id() if job_id is None else check_job_id(job_id),
            lifetime=self._lifetime,
            idempotency_window=self._idempotency_window,
            replay_of=replay_of,
        )
        if not is_new and (conflict := _conflict(job, record)):
            raise conflict
        return record

    def many(
        self, jobs: Iterable[UploadJob], job_ids: Iterable[str] | None = None
    ) -> list[Enqueued]:
        """Enqueue jobs in the order given; says of each what came of it.

        Raises:
            InvalidJob: an id cannot be one, or there are not as many as jobs; nothing was done.
            EnqueueInterrupted: Redis went or said no halfway.
        """
        jobs = list(jobs)
        ids = [_new_id() for _ in jobs] if job_ids is None else [*map(check_job_id, job_ids)]
        if len(ids) != len(jobs):
            raise InvalidJob("job_ids", f"there are {len(ids)} for {len(jobs)} jobs")
        done: list[Enqueued] = []
        try:
            while (at := len(done)) < len(jobs):
                batch = jobs[at : at + _BATCH]
                replies = self._store.enqueue_each(
                    zip(batch, ids[at:], strict=False),
                    lifetime=self._lifetime,
                    idempotency_window=self._idempotency_window,
                )
                for job, (is_new, record) in zip(batch, replies, strict=True):
                    conflict = None if is_new else _conflict(job, record)
                    done.append(Enqueued(record, is_new, conflict))
        except (LedgerUnavailable, LedgerRefused) as error:
            raise EnqueueInterrupted(done, ids, error) from error
        return done


def _new_id() -> str:
    return str(uuid.uuid4())


def _conflict(job: UploadJob, record: JobRecord) -> IdempotencyConflict | None:
    """The first field in which the record under a job's key or id is another job's."""
    for field in _COMPARED:
        if getattr(job, field) != getattr(record, field):
            return IdempotencyConflict(field, getattr(job, field), record)
    if job.expires_at is not None and job.expires_at != record.expires_at:
        return IdempotencyConflict("expires_at", job.expires_at, record)
    return None
