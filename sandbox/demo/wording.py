"""A record in a few words, for the narrow columns of the demo's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift import JobState, WaitReason

if TYPE_CHECKING:
    from facelift import JobRecord

STYLES = {
    JobState.QUEUED: "",
    JobState.RUNNING: "cyan",
    JobState.WAITING: "yellow",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.SUPERSEDED: "blue",
    JobState.CANCELLED: "blue",
    JobState.EXPIRED: "red",
}
"""How a state looks on a terminal."""

_TURN = {
    WaitReason.CHATBOT_BUSY: "an earlier picture goes first",
    WaitReason.NEWER_UPLOAD: "a newer picture goes first",
}


def picture(record: JobRecord) -> str:
    """The file's name."""
    return record.image.partition(":")[2]


def answers(record: JobRecord) -> list[str]:
    """What each attempt met: the status of the response, or a code where there was none."""
    return [str(each.http_status or each.code) for each in record.attempts]


def attempts(record: JobRecord) -> str:
    """How many attempts, and what they met: `3 (500, 500, 200)`."""
    if not record.attempts:
        return "0"
    asked = any(each.http_status for each in record.attempts)
    return f"{len(record.attempts)} ({', '.join(answers(record)) if asked else 'no request'})"


def why(record: JobRecord, now: float) -> str:
    """Why it is in its state at this Unix time."""
    match record.state:
        case JobState.QUEUED:
            return "on its way to the worker"
        case JobState.RUNNING:
            return "the worker is on it"
        case JobState.WAITING:
            return _what_it_waits_for(record, now)
        case JobState.SUPERSEDED:
            return "a newer picture was delivered"
        case JobState.SUCCEEDED if len(record.attempts) > 1:
            return f"{record.outcome} after {', '.join(answers(record)[:-1])}"
    return str(record.outcome)


def _what_it_waits_for(record: JobRecord, now: float) -> str:
    if record.wait_reason in _TURN:
        return _TURN[record.wait_reason]
    left = max(0.0, (record.wait_until or now) - now)
    cause = answers(record)[-1] if record.attempts else record.wait_reason
    return f"{cause}; again in {left:.1f} s"
