"""How a batch stands, as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.cli.draw.layout import date, fact
from facelift.codes import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from facelift.batch import BatchStatus
    from facelift.codes import OutcomeCode

_BAR = 24


def describe_batch(status: BatchStatus) -> str:
    """Everything a person wants to know of a batch, a fact a line."""
    return "\n".join(_lines(status))


def table_of_batches(found: Sequence[BatchStatus]) -> str:
    """One line a batch; the name last, for it may be long."""
    rows = [("BEGUN", "JOBS", "ENDED", "FAILED", "NAME")]
    for status in found:
        ended = status.total - status.pending
        counts = (str(status.total), str(ended), str(_failed(status)))
        rows.append((date(status.created_at), *counts, status.id))
    begun, *widths = (max(len(row[column]) for row in rows) for column in range(4))
    return "\n".join(
        f"{row[0]:<{begun}}  "
        + "".join(f"{cell:>{width}}  " for cell, width in zip(row[1:4], widths, strict=True))
        + row[4]
        for row in rows
    )


def progress(status: BatchStatus) -> str:
    """How far it is, in a line that changes only where something did."""
    ended = status.total - status.pending
    full = _BAR * ended // status.total
    width = len(str(status.total))
    bar = "#" * full + "-" * (_BAR - full)
    failed = _failed(status)
    told = f"[{bar}]  {ended:>{width}} of {status.total}  {100 * ended // status.total:>3}%"
    return told + (f"  {failed} failed" if failed else "")


def _failed(status: BatchStatus) -> int:
    return sum(status.states.get(state, 0) for state in (JobState.FAILED, JobState.EXPIRED))


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
    if JobState.FAILED in status.states:
        yield fact("See them", f"facelift list --batch {status.id} --state failed")


def _counted(counts: Mapping[JobState, int] | Mapping[OutcomeCode, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
