"""A job's record as a person sees it: its state, its history, and lists of jobs."""

import sys
import time
from collections.abc import Iterator, Sequence

import click
from rich.console import RenderableType
from rich.text import Text

from facelift.advice import OUTCOMES, WAITS
from facelift.asset import Action, Asset
from facelift.attempt import Attempt
from facelift.cli.draw.console import (
    Paragraph,
    cell,
    clock,
    console,
    date,
    fact,
    iso,
    moment,
    print_json,
    say,
    show,
    span,
    table,
    width_of,
)
from facelift.codes import JobState, WaitReason
from facelift.job import Priority
from facelift.record import JobRecord
from facelift.text import printable

_DAY = 86_400
_ESTIMATED = {
    WaitReason.BACKLOG,
    WaitReason.RATE_LIMITED,
    WaitReason.ENDPOINT_DOWN,
    WaitReason.ACCOUNT_FAILING,
    WaitReason.CHATBOT_FAILING,
}
_REPLAYABLE = {JobState.FAILED, JobState.EXPIRED}
STATE_STYLES = {
    JobState.RUNNING: "cyan",
    JobState.WAITING: "yellow",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.EXPIRED: "red",
    JobState.SUPERSEDED: "dim",
    JobState.CANCELLED: "dim",
}
_COLUMNS = ("JOB", "ENQUEUED", "STATE", "CHATBOT", "ACCOUNT")

_ROUNDING = 0.01  # seconds


def print_new(record: JobRecord, *, as_json: bool) -> None:
    """Print the id of a job that was enqueued; to a person also how to follow it."""
    if as_json:
        print_json(record.as_dict())
        return
    say(record.id)
    if sys.stderr.isatty():
        say(f"To follow it: facelift watch {record.id}", err=True)


def print_jobs(records: Sequence[JobRecord]) -> None:
    """Print a table on a terminal; in a pipe a line a job, tabs between its fields."""
    if not sys.stdout.isatty():
        for record in records:
            why = record.outcome or record.wait_reason or ""
            of_job = (record.id, iso(record.created_at), record.state, why)
            what = () if _sets_picture(record) else (record.asset, record.action)
            fields = (*of_job, record.chatbot_id, record.account, record.image or "", *what)
            click.echo("\t".join(map(printable, fields)))
    elif records:
        show(table_of_jobs(records, console().width, time.time()))


def table_of_jobs(records: Sequence[JobRecord], width: int, now: float) -> RenderableType:
    """One line a job if that fits into `width` columns; else chatbot and account below the id."""
    is_narrow = width_of([_COLUMNS, *(_row(record, now) for record in records)]) > width
    rows: list[tuple[str | Text, ...]] = []
    for record in records:
        job, at, state, *whose = _row(record, now)
        drawn = cell(state, STATE_STYLES.get(record.state, ""))
        if is_narrow:
            below = cell("  ".join(whose), "dim")
            rows.append((Text.assemble(cell(job), "\n  ", below), at, drawn))
        else:
            rows.append((job, at, drawn, *whose))
    return table(_COLUMNS[: len(rows[0])], rows, whole=True)


def describe_change(record: JobRecord) -> Iterator[Paragraph]:
    """The state that a job has at present, or since it ended, and the advice while it waits."""
    text = Text.assemble(
        (_state(record), STATE_STYLES.get(record.state, "")),
        cell(f": {record.message}" if record.message else ""),
    )
    head = f"{clock(record.finished_at or time.time())}  "
    yield Paragraph(head, text)
    if record.wait_reason and (to_do := advice(record).replace("`", "")):
        yield Paragraph(f"{'':<{len(head)}}-> ", to_do)


def advice(record: JobRecord) -> str:
    """What to do about a job's state; empty if there is nothing to do."""
    found = OUTCOMES.get(record.outcome, "") if record.outcome else ""  # a newer release has more
    if record.wait_reason:
        found = WAITS.get(record.wait_reason, "")
    return "" if found == "nothing" else found


def describe(record: JobRecord) -> Iterator[Paragraph]:
    """A job's state, advice and fields."""
    yield fact("Job", record.id)
    yield fact("State", cell(_state(record), STATE_STYLES.get(record.state, "")))
    yield fact("", record.message)
    if to_do := advice(record).replace("`", ""):
        yield fact("Advice", to_do)
        if record.state in _REPLAYABLE:
            yield fact("", f"then: facelift replay {record.id}")
    yield fact("Chatbot", f"{record.chatbot_id} (account {record.account})")
    if _sets_picture(record):
        yield fact("Image", record.image or "")
    else:
        asset = record.asset.replace("_", " ")
        image = f": {record.image}" if record.image else ""
        yield fact("Action", f"{record.action} the {asset}{image}")
    yield fact("Enqueued", date(record.created_at))
    if record.finished_at is None:
        yield fact("Deadline", date(record.expires_at))
    else:
        after = record.finished_at - record.created_at
        yield fact("Ended", f"{date(record.finished_at)}, {after:.1f} s later")
    if record.repeat_at:
        at = moment(record.repeat_at, record.created_at)
        yield fact("Repeat", f"from {at} on: an earlier upload without an answer may still arrive")
    for label, value in (
        ("Priority", None if record.priority == Priority.NORMAL else record.priority),
        ("Fairness", record.fairness_key),
        ("Batch", record.batch),
        ("Replays", record.replay_of),
        ("Repeats", record.repeats),
        ("Newer job", record.superseded_by),
    ):
        if value:
            yield fact(label, value)
    for number, (name, text) in enumerate((record.metadata or {}).items()):
        yield fact("" if number else "Metadata", f"{name}={text}")


def _state(record: JobRecord) -> str:
    state = str(record.state)
    if record.outcome and record.outcome.value != state:
        state += f" ({record.outcome})"
    if record.wait_reason:
        state += f" ({record.wait_reason}{_until(record)})"
    return printable(state)


def _until(record: JobRecord) -> str:
    """When the wait may be over; nothing if only the deadline ends it."""
    if not record.wait_until or record.wait_until >= record.expires_at:
        return ""
    how = "about" if record.wait_reason in _ESTIMATED else "until"
    return f", {how} {moment(record.wait_until, record.created_at)}"


def _row(record: JobRecord, now: float) -> tuple[str, ...]:
    is_recent = now - record.created_at < _DAY
    at = clock(record.created_at) if is_recent else date(record.created_at)[:10]
    why = record.outcome or record.wait_reason
    is_said = why in {None, "delivered", "removed", record.state}
    state = str(record.state) if is_said else f"{record.state} {why}"
    if not record.state.is_terminal and record.priority != Priority.NORMAL:
        state += f" ({record.priority})"
    return record.id, at, state, record.subject, record.account


def _sets_picture(record: JobRecord) -> bool:
    """Whether it is the upload of a profile picture."""
    return (record.asset, record.action) == (Asset.PROFILE_PICTURE, Action.SET)


def describe_history(record: JobRecord, now: float) -> Iterator[RenderableType]:
    """A job's attempts in the order of their time, and its state now."""

    def at(time: float, what: str) -> Paragraph:
        day = date(time)[:10]
        return Paragraph(
            f"{clock(time)}  ", what if day == date(record.created_at)[:10] else f"({day}) {what}"
        )

    yield Text("Timeline", "bold")
    yield at(record.created_at, "enqueued")
    if record.attempts and record.attempts[0].number > 1:
        yield fact("", f"attempts before {record.attempts[0].number} are no longer recorded")
    repeats = [each for each in record.attempts if _repeats(record, each)]
    for attempt in record.attempts[: len(record.attempts) - len(repeats)]:
        yield at(attempt.started_at, _attempt(attempt))
    if record.finished_at is not None:
        yield at(record.finished_at, f"ended: {record.state}")
        for attempt in repeats:
            yield at(attempt.started_at, f"repeated: {_attempt(attempt)}")
        return
    if record.state is JobState.RUNNING and record.started_at is not None:
        yield at(record.started_at, f"started by {record.worker}")
    yield at(now, f"now: {_now(record, now)}")


def _repeats(record: JobRecord, attempt: Attempt) -> bool:
    """Whether an attempt was made after the job had been delivered."""
    ended = record.finished_at  # rounded, as the record has it
    return ended is not None and attempt.started_at > ended + _ROUNDING


def _now(record: JobRecord, now: float) -> str:
    if record.state is not JobState.WAITING:
        return str(record.state)
    left = ""
    if record.wait_until and _until(record):
        about = "about " if record.wait_reason in _ESTIMATED else ""
        left = f", for {about}{span(record.wait_until - now)} more"
    return f"waiting ({record.wait_reason}){left}"


def _attempt(attempt: Attempt) -> str:
    status = f" {attempt.http_status}" if attempt.http_status else ""
    after = attempt.started_at + attempt.duration
    then = f" Next attempt in {attempt.next_at - after:.1f} s." if attempt.next_at else ""
    uncounted = "" if attempt.counted else " Uses up no attempt."
    return (
        f"attempt {attempt.number}, {attempt.duration:.2f} s:"
        f"{status} {attempt.code}: {attempt.reason}{then}{uncounted}"
    )
