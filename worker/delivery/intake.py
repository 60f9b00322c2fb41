"""Records jobs that arrive as Celery messages, from producers without `facelift-client`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any

from facelift.asset import Action, Asset, check_action, check_asset
from facelift.client import UploadClient
from facelift.codes import OutcomeCode
from facelift.errors import InvalidJob, LedgerRefused
from facelift.job import Priority, UploadJob, check_batch
from facelift.ledger.store import JobStore
from facelift.operations.enqueue import IdempotencyConflict
from facelift.record import SCHEMA_VERSION
from facelift.text import printable
from tasks.follow_ups import Entry
from tasks.message import MessageRefused, TaskMessage
from tasks.report import Report, Verdict, ended_before
from worker.monitoring.logs import fields

log = logging.getLogger(__name__)

_OF_IMAGES: Sequence[tuple[str, Callable[[object], StrEnum], StrEnum]] = (
    ("asset", check_asset, Asset.PROFILE_PICTURE),
    ("action", check_action, Action.SET),
)
_LOW = 6
"""Celery's priority from which a job is `low`; 0, which goes first on Redis, is the default."""


class Intake:
    """Records what `facelift.enqueue` asks for; the task id becomes the job id.

    The same message may arrive twice. An invalid job is recorded as failed under its task id,
    so that its producer can find out why.

    Args:
        client: records jobs.
        store: records refused ones.
        follow_ups: sends what a message wants to run afterwards.
        refused: notes follow-ups that cannot be sent.
    """

    def __init__(
        self,
        client: UploadClient,
        store: JobStore,
        follow_ups: Callable[[Sequence[Entry]], object],
        refused: Callable[[MessageRefused], object],
    ) -> None:
        self._client = client
        self._store = store
        self._follow_ups = follow_ups
        self._refused = refused

    def receive(self, message: TaskMessage) -> Report:
        """Record the job and send its follow-ups; returns what Flower shows under the task's id.

        Raises:
            LedgerUnavailable, LedgerRefused: not all of it was done; the latter also for a
                message of a newer schema version.
        """
        try:
            record = self._client.enqueue_job(make_job(message), message.id)
        except (InvalidJob, IdempotencyConflict) as error:
            log.warning("job refused", extra=fields(job=message.id, reason=str(error)))
            shown = _printable(message.kwargs)
            self._store.refuse(message.id, OutcomeCode.INVALID_JOB, str(error), shown)
            self._send(message, lambda: message.follow_ups.after_failure(message.id))
            return Report(Verdict.FAILED, f"Refused: {error}.")
        self._send(message, lambda: message.follow_ups.after_success(message.id, record.id))
        if record.id != message.id:
            return Report(Verdict.DELIVERED, f"Already recorded, as {record.id}.")
        if record.state.is_terminal:
            return ended_before(record.state)
        return Report(Verdict.WAITS, "Recorded.")

    def _send(self, message: TaskMessage, make: Callable[[], list[Entry]]) -> None:
        try:
            if entries := make():
                self._follow_ups(entries)
        except (ValueError, LedgerRefused) as problem:
            log.warning("follow-ups refused", extra=fields(job=message.id, reason=str(problem)))
            reason = f"its follow-ups were not sent: {problem}"
            self._refused(MessageRefused(reason, message.id))


def make_job(message: TaskMessage) -> UploadJob:
    """The job that a message describes.

    Raises:
        InvalidJob: the arguments describe no valid job.
        LedgerRefused: the message has a newer schema version.
    """
    if message.args:
        raise InvalidJob("args", "must be empty: a job's fields are keyword arguments")
    values = dict(message.kwargs)
    version = values.pop("version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise LedgerRefused(
            f"the message has schema version {version}; this release knows {SCHEMA_VERSION} only, "
            "a newer one is needed"
        )
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise InvalidJob("version", f"must be {SCHEMA_VERSION}, the number, or left out")
    for name, option in (("not_before", message.not_before), ("expires_at", message.expires_at)):
        values[name] = _time(values[name]) if values.get(name) is not None else option
    if message.priority >= _LOW:
        values.setdefault("priority", Priority.LOW.value)
    return UploadJob.from_fields(values)


def _time(value: object) -> object:
    """A datetime, if it is one as kombu's JSON writes it; else the value."""
    if isinstance(value, dict) and value.keys() == {"__type__", "__value__"}:
        with suppress(TypeError, ValueError):
            return datetime.fromisoformat(value["__value__"])
    return value


def _printable(kwargs: Mapping[str, Any]) -> dict[str, str]:
    """What the record of an invalid job can show: text that is safe to print, cut to 200."""
    shown = {
        name: printable(str(kwargs.get(name, ""))[:200])[:200]
        for name in ("chatbot_id", "image", "account")
    }
    with suppress(InvalidJob):
        shown["batch"] = check_batch(kwargs.get("batch"))
    for name, check, usual in _OF_IMAGES:
        with suppress(InvalidJob):
            if (word := check(kwargs.get(name))) is not usual:  # records leave out the usual
                shown[name] = word.value
    return shown
