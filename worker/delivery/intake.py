"""Records jobs that arrive as Celery messages, from producers without `facelift-client`."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from facelift.client import UploadClient
from facelift.codes import OutcomeCode
from facelift.errors import InvalidJob, LedgerRefused
from facelift.job import UploadJob, check_batch, check_job_id
from facelift.ledger.store import JobStore
from facelift.operations.enqueue import IdempotencyConflict
from facelift.record import SCHEMA_VERSION
from facelift.text import printable
from tasks.report import Report, Verdict, ended_before
from worker.monitoring.logs import fields

log = logging.getLogger(__name__)


class Intake:
    """Records what `facelift.enqueue` asks for; the task id becomes the job id.

    The same message may arrive twice. An invalid job is recorded as failed under its task id,
    so that its producer can find out why.
    """

    def __init__(self, client: UploadClient, store: JobStore) -> None:
        self._client = client
        self._store = store

    def receive(
        self, task_id: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Report:
        """Record the job; returns what Flower shows under the task's id.

        Raises:
            LedgerUnavailable, LedgerRefused: nothing was recorded; the latter also for a
                message of a newer schema version.
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
            return Report(Verdict.DELIVERED, f"Already recorded, as {record.id}.")
        if record.state.is_terminal:
            return ended_before(record.state)
        return Report(Verdict.WAITS, "Recorded.")


def make_job(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> UploadJob:
    """The job that a message describes.

    Raises:
        InvalidJob: the arguments describe no valid job.
        LedgerRefused: the message has a newer schema version.
    """
    if args:
        raise InvalidJob("args", "must be empty: a job's fields are keyword arguments")
    values = dict(kwargs)
    version = values.pop("version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise LedgerRefused(
            f"the message has schema version {version}; this release knows {SCHEMA_VERSION} only, "
            "a newer one is needed"
        )
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise InvalidJob("version", f"must be {SCHEMA_VERSION}, the number, or left out")
    return UploadJob.from_fields(values)


def _printable(kwargs: Mapping[str, Any]) -> dict[str, str]:
    """What the record of an invalid job can show: text that is safe to print, cut to 200."""
    shown = {
        name: printable(str(kwargs.get(name, ""))[:200])[:200]
        for name in ("chatbot_id", "image", "account")
    }
    with suppress(InvalidJob):
        shown["batch"] = check_batch(kwargs.get("batch"))
    return shown
