"""How a job looks in Flower: what each field of a task's row and page shows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from facelift.codes import JobState, OutcomeCode
from facelift.job import DEFAULT_ACCOUNT
from facelift.record import JobRecord
from monitor.records import Records

COLUMNS = {"args": "Chatbot", "kwargs": "Image", "result": "Outcome"}
"""Flower's columns that show a job, with their headings."""

SHOWN = "uuid,state,args,kwargs,result,received"
"""Flower's `tasks_columns`, in their order."""

_STATES = {
    JobState.RUNNING: "STARTED",
    JobState.WAITING: "RETRY",
    JobState.SUCCEEDED: "SUCCESS",
    JobState.FAILED: "FAILURE",
    JobState.EXPIRED: "FAILURE",
    JobState.SUPERSEDED: "REVOKED",
    JobState.CANCELLED: "REVOKED",
}


def state_of(record: JobRecord) -> str | None:
    """The job's state in Celery's terms; None while its message is on its way."""
    return _STATES.get(record.state)


def outcome_of(record: JobRecord) -> str:
    """The job's outcome, or its wait reason and due time, in one line."""
    match record.state:
        case JobState.QUEUED:
            return "queued"
        case JobState.RUNNING:
            return f"running, attempt {record.attempts_used + 1}"
        case JobState.WAITING:
            until = f" until {_due(record, short=True)}" if _due(record) else ""
            return f"{record.wait_reason}{until}: {record.message}"
        case _:
            # The message adds nothing to a delivery, unless the image was changed to fit.
            plain = {OutcomeCode.DELIVERED, OutcomeCode.REMOVED, OutcomeCode.SUPERSEDED}
            is_plain = record.outcome in plain
            is_answer = record.state in {JobState.SUCCEEDED, JobState.FAILED}
            status = f" ({record.http_status})" if is_answer and record.http_status else ""
            message = "" if is_plain and "fitted" not in record.message else f": {record.message}"
            return f"{record.outcome}{status}{message}"


def formatter(records: Records) -> Callable[[Any], Any]:
    """Flower's `format_task`: changes a copy of a task before it is shown."""

    def format_task(task: Any) -> Any:  # noqa: ANN401 - Flower's
        if record := records.get(task.uuid):
            _show(task, record)
        return task

    return format_task


def _show(task: Any, record: JobRecord) -> None:  # noqa: ANN401 - Flower's
    state = state_of(record)
    # A queued job may have been received; if Flower has it as STARTED, that was an earlier run.
    task.state = state or ("RECEIVED" if task.state == "RECEIVED" else "PENDING")
    task.args = record.subject
    account = "" if record.account == DEFAULT_ACCOUNT else f"({record.account})"
    task.kwargs = " ".join(filter(None, (record.image, account)))
    task.result = outcome_of(record)
    task.retries = max(0, len(record.attempts) - 1)
    task.eta = _due(record)
    # They repeat the outcome, or belong to an earlier attempt.
    task.exception = task.traceback = None
    task.root_id = task.parent_id = task.root = task.parent = None


def _due(record: JobRecord, *, short: bool = False) -> str | None:
    # A wait until the deadline is a wait for an event.
    if record.wait_until is None or record.wait_until >= record.expires_at:
        return None
    at = datetime.fromtimestamp(record.wait_until, UTC)
    is_today = short and at.date() == datetime.now(UTC).date()
    return f"{at:%H:%M:%S} UTC" if is_today else f"{at:%Y-%m-%d %H:%M:%S} UTC"
