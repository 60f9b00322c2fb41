"""Jobs that arrive as Celery messages, from producers without our package."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from facelift.codes import OutcomeCode
from facelift.errors import InvalidJob, LedgerRefused
from facelift.job import UploadJob, check_batch, check_job_id
from facelift.operations.enqueue import IdempotencyConflict
from facelift.record import SCHEMA_VERSION
from tasks.report import Report, Verdict, ended_before
from worker.monitoring.logs import fields

if TYPE_CHECKING:
    from facelift.client import UploadClient
    from facelift.ledger.store import JobStore

log = logging.getLogger(__name__)


class Intake:
    """Records what `facelift.enqueue` asks for; the task id becomes the job id.

    Sending the same message twice is harmless. What cannot be a job is recorded
    as failed under its task id, so that its producer can find out why.
    """

    def __init__(self, client: UploadClient, store: JobStore) -> None:
        self._client = client
        self._store = store

    def receive(self, task_id: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Report:
        """Record the job; returns what came of it.

        That is also what Flower shows under the task's id, which is the job's id too.

        Raises:
            LedgerUnavailable, LedgerRefused: nothing was recorded; the latter also for a
                message of a form that this release does not know.
        """
        try:
            job_id = check_job_id(task_id)
        except InvalidJob as error:
            log.warning("message dropped: as a task id, %s", error)
            return Report(Verdict.FAILED, f"Dropped: {error}.")
        try:
            record = self._client.enqueue_job(make_job(args, kwargs), job_id)
        except (InvalidJob, IdempotencyConflict) as error:
            log.warning("job refused", extra=fields(job=job_id, reason=str(error)))
            self._store.refuse(job_id, OutcomeCode.INVALID_JOB, str(error), _printable(kwargs))
            return Report(Verdict.FAILED, f"Refused: {error}.")
        if record.id != job_id:
            return Report(Verdict.DELIVERED, f"Recorded before, as {record.id}.")
        if record.state.is_terminal:
            return ended_before(record.state)
        return Report(Verdict.WAITS, "Recorded.")


def make_job(args: tuple[Any, ...], kwargs: dict[str, Any]) -> UploadJob:
    """The job that a message asks for.

    Raises:
        InvalidJob: it cannot be a job.
        LedgerRefused: the message is of a form that this release does not know.
    """
    if args:
        raise InvalidJob("args", "must be empty: a job's fields are keyword arguments")
    fields = dict(kwargs)
    form = fields.pop("version", SCHEMA_VERSION)
    if isinstance(form, int) and form > SCHEMA_VERSION:
        raise LedgerRefused(
            f"the message is of form {form}; this release knows form {SCHEMA_VERSION} only, "
            "a newer one is needed"
        )
    if form != SCHEMA_VERSION or isinstance(form, bool):
        raise InvalidJob("version", f"must be {SCHEMA_VERSION}, the number, or left out")
    return UploadJob.from_fields(fields)


def _printable(kwargs: dict[str, Any]) -> dict[str, str]:
    """What can be told of a job that could not be made, for whoever looks it up."""
    told = {
        name: str(kwargs.get(name, ""))[:200].encode("ascii", "backslashreplace").decode()
        for name in ("chatbot_id", "image", "account")
    }
    with suppress(InvalidJob):
        told["batch"] = check_batch(kwargs.get("batch"))
    return told
