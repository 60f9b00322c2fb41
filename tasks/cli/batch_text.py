"""How a batch stands, as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.cli.layout import date, fact
from tasks.codes import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.batch_status import BatchStatus
    from tasks.codes import OutcomeCode

_BAR = 24


def describe_batch(status: BatchStatus) -> str:
    """Everything a person wants to know of a batch, a fact a line."""
    return "\n".join(_lines(status))


def progress(status: BatchStatus) -> str:
    """How far it is, in a line that changes only where something did."""
    ended = status.total - status.pending
    full = _BAR * ended // status.total
    width = len(str(status.total))
    bar = "#" * full + "-" * (_BAR - full)
    failed = sum(status.states.get(state, 0) for state in (JobState.FAILED, JobState.EXPIRED))
    told = f"[{bar}]  {ended:>{width}} of {status.total}  {100 * ended // status.total:>3}%"
    return told + (f"  {failed} failed" if failed else "")


def _lines(status: BatchStatus) -> Iterator[str]:
    yield fact("Batch", status.id)
    ended = status.total - status.pending
    yield fact("Jobs", f"{status.total}, of which {ended} have ended")
    yield fact("States", _counted(status.states))
    if status.codes:
        yield fact("Outcomes", _counted(status.codes))
    yield fact("Begun", date(status.created_at))
    if status.finished_at is not None:
        after = status.finished_at - status.created_at
        yield fact("Ended", f"{date(status.finished_at)}, {after:.1f} s later")


def _counted(counts: Mapping[JobState, int] | Mapping[OutcomeCode, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
