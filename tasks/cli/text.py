"""A record as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.cli.layout import clock, date, fact, moment
from tasks.codes import Cancellation, WaitReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.attempt import Attempt
    from tasks.record import JobRecord

_ESTIMATED = {WaitReason.BACKLOG, WaitReason.RATE_LIMITED, WaitReason.ENDPOINT_DOWN}


def describe(record: JobRecord) -> str:
    """Everything a person wants to know of a job, a fact a line."""
    return "\n".join(_lines(record))


def describe_cancellation(cancellation: Cancellation, record: JobRecord) -> str:
    """What came of asking for a job to be cancelled, in a sentence."""
    if cancellation is Cancellation.REQUESTED:
        return "A worker runs it: its picture may still be delivered, but no further try begins."
    if cancellation is Cancellation.ENDED:
        return f"Too late: the job has ended before, as {record.state}."
    return "Cancelled; its picture will not be delivered."


def _lines(record: JobRecord) -> Iterator[str]:
    state = str(record.state)
    if record.outcome and record.outcome.value != state:
        state += f" ({record.outcome})"
    if record.wait_reason:
        state += f" ({record.wait_reason}{_until(record)})"
    yield fact("Job", record.id)
    yield fact("State", state)
    yield fact("", record.message)
    yield fact("Chatbot", f"{record.chatbot_id} (account {record.account})")
    yield fact("Image", record.image)
    yield fact("Enqueued", date(record.created_at))
    if record.finished_at is None:
        yield fact("Deadline", date(record.expires_at))
    else:
        after = record.finished_at - record.created_at
        yield fact("Ended", f"{date(record.finished_at)}, {after:.1f} s later")
    if record.batch:
        yield fact("Batch", record.batch)
    if record.replay_of:
        yield fact("Replays", record.replay_of)
    if record.superseded_by:
        yield fact("Newer job", record.superseded_by)
    for attempt in record.attempts:
        label = "Attempts" if attempt is record.attempts[0] else ""
        yield fact(label, _attempt(attempt), hang=4)


def _until(record: JobRecord) -> str:
    """When the wait may be over; nothing if only its deadline says so."""
    if not record.wait_until or record.wait_until >= record.expires_at:
        return ""
    how = "about" if record.wait_reason in _ESTIMATED else "until"
    return f", {how} {moment(record.wait_until, record.created_at)}"


def _attempt(attempt: Attempt) -> str:
    status = f" {attempt.http_status}" if attempt.http_status else ""
    after = attempt.started_at + attempt.duration
    then = f" Next try in {attempt.next_at - after:.1f} s." if attempt.next_at else ""
    return (
        f"{attempt.number}. {clock(attempt.started_at)}, {attempt.duration:.2f} s,"
        f"{status} {attempt.code}: {attempt.reason}{then}"
    )
