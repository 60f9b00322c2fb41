"""A record as text for a person: no colour needed, at home in 80 columns and in a pipe."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.codes import Cancellation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.attempt import Attempt
    from tasks.record import JobRecord

_LABEL = 10
_WIDTH = 80


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
    if record.wait_reason and record.wait_until:
        state += f" ({record.wait_reason}, until {_clock(record.wait_until)})"
    yield _fact("Job", record.id)
    yield _fact("State", state)
    yield _fact("", record.message)
    yield _fact("Chatbot", f"{record.chatbot_id} (account {record.account})")
    yield _fact("Image", record.image)
    yield _fact("Enqueued", _date(record.created_at))
    if record.finished_at is None:
        yield _fact("Deadline", _date(record.expires_at))
    else:
        after = record.finished_at - record.created_at
        yield _fact("Ended", f"{_date(record.finished_at)}, {after:.1f} s later")
    if record.replay_of:
        yield _fact("Replays", record.replay_of)
    if record.superseded_by:
        yield _fact("Newer job", record.superseded_by)
    for attempt in record.attempts:
        label = "Attempts" if attempt is record.attempts[0] else ""
        yield _fact(label, _attempt(attempt), hang=4)


def _attempt(attempt: Attempt) -> str:
    status = f" {attempt.http_status}" if attempt.http_status else ""
    after = attempt.started_at + attempt.duration
    then = f" Next try in {attempt.next_at - after:.1f} s." if attempt.next_at else ""
    return (
        f"{attempt.number}. {_clock(attempt.started_at)}, {attempt.duration:.2f} s,"
        f"{status} {attempt.code}: {attempt.reason}{then}"
    )


def _fact(label: str, value: str, hang: int = 0) -> str:
    return textwrap.fill(
        value,
        width=_WIDTH,
        initial_indent=f"{label:<{_LABEL}}",
        subsequent_indent=" " * (_LABEL + hang),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _date(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _clock(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%H:%M:%S}"
