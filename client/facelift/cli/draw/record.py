"""A record as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.advice import OUTCOMES, WAITS
from facelift.cli.draw.layout import clock, date, fact, filled, moment
from facelift.codes import Cancellation, JobState, WaitReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.attempt import Attempt
    from facelift.record import JobRecord

_ESTIMATED = {WaitReason.BACKLOG, WaitReason.RATE_LIMITED, WaitReason.ENDPOINT_DOWN}
_REPLAYABLE = {JobState.FAILED, JobState.EXPIRED}


def describe(record: JobRecord) -> str:
    """Where a job stands and what to do about it, a fact a line."""
    return "\n".join(_facts(record))


def describe_in_full(record: JobRecord, now: float) -> str:
    """The same, and what happened to the job so far."""
    return "\n".join((*_facts(record), "", *_timeline(record, now)))


def describe_change(record: JobRecord, at: float) -> str:
    """That a job came to stand so at that time."""
    return filled(f"{clock(at)}  ", f"{_state(record)}: {record.message}".rstrip(": "), 10)


def describe_cancellation(cancellation: Cancellation, record: JobRecord) -> str:
    """What came of asking for a job to be cancelled, in a sentence."""
    if cancellation is Cancellation.REQUESTED:
        return "A worker runs it: its picture may still be delivered, but no further try begins."
    if cancellation is Cancellation.ENDED:
        return f"Too late: the job has ended before, as {record.state}."
    return "Cancelled; its picture will not be delivered."


def advice(record: JobRecord) -> str:
    """What to do about where the job stands; empty if there is nothing to do."""
    told = OUTCOMES[record.outcome] if record.outcome else ""
    if record.wait_reason:
        told = WAITS[record.wait_reason]
    return "" if told == "nothing" else told


def _facts(record: JobRecord) -> Iterator[str]:
    yield fact("Job", record.id)
    yield fact("State", _state(record))
    yield fact("", record.message)
    if to_do := advice(record).replace("`", ""):
        yield fact("To do", to_do)
        if record.state in _REPLAYABLE:
            yield fact("", f"once mended: facelift replay {record.id}")
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


def _state(record: JobRecord) -> str:
    state = str(record.state)
    if record.outcome and record.outcome.value != state:
        state += f" ({record.outcome})"
    if record.wait_reason:
        state += f" ({record.wait_reason}{_until(record)})"
    return state


def _until(record: JobRecord) -> str:
    """When the wait may be over; nothing if only its deadline says so."""
    if not record.wait_until or record.wait_until >= record.expires_at:
        return ""
    how = "about" if record.wait_reason in _ESTIMATED else "until"
    return f", {how} {moment(record.wait_until, record.created_at)}"


def _timeline(record: JobRecord, now: float) -> Iterator[str]:
    yield "Timeline"
    yield from _told(record, record.created_at, "enqueued")
    if record.attempts and record.attempts[0].number > 1:
        yield f"{'':<10}attempts before {record.attempts[0].number} are no longer known"
    for attempt in record.attempts:
        yield from _told(record, attempt.started_at, _attempt(attempt))
    if record.finished_at is not None:
        yield from _told(record, record.finished_at, f"ended: {record.state}")
        return
    if record.state is JobState.RUNNING and record.started_at is not None:
        yield from _told(record, record.started_at, f"begun by {record.worker}")
    yield from _told(record, now, _at_present(record, now))


def _told(record: JobRecord, at: float, what: str) -> Iterator[str]:
    if date(at)[:10] != date(record.created_at)[:10]:
        what = f"({date(at)[:10]}) {what}"
    yield filled(f"{clock(at)}  ", what, 14)


def _at_present(record: JobRecord, now: float) -> str:
    if record.state is not JobState.WAITING:
        return f"now: {record.state}"
    left = record.wait_until - now if record.wait_until and _until(record) else None
    when = "" if left is None else f", for {max(left, 0):.0f} s more"
    if left is not None and record.wait_reason in _ESTIMATED:
        when = f", for about {max(left, 0):.0f} s more"
    return f"now: waiting ({record.wait_reason}){when}"


def _attempt(attempt: Attempt) -> str:
    status = f" {attempt.http_status}" if attempt.http_status else ""
    after = attempt.started_at + attempt.duration
    then = f" Next try in {attempt.next_at - after:.1f} s." if attempt.next_at else ""
    uncounted = "" if attempt.counted else " Uses up no attempt."
    return (
        f"attempt {attempt.number}, {attempt.duration:.2f} s:"
        f"{status} {attempt.code}: {attempt.reason}{then}{uncounted}"
    )
