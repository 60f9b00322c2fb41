"""Jobs as a table for a person, and as lines for a program."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from facelift.cli.draw.layout import clock, date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from facelift.record import JobRecord

_DAY = 86_400
_HEAD = ("JOB", "ENQUEUED", "STATE", "CHATBOT", "ACCOUNT")


def job_lines(records: Sequence[JobRecord], *, for_person: bool, now: float) -> Iterator[str]:
    """A line a job: a table on a terminal, else columns between tabs, without a head.

    Args:
        records: the jobs.
        for_person: whether somebody looks at it, on a terminal.
        now: Unix seconds.
    """
    if not for_person:
        for record in records:
            yield "\t".join((record.id, _iso(record.created_at), *_plain(record)))
        return
    width = shutil.get_terminal_size().columns
    yield from _table([_HEAD, *(_row(record, now) for record in records)], width)


def is_for_person() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def standing(record: JobRecord) -> str:
    """The state, and why, in a few words: `failed image_not_square`."""
    why = record.outcome or record.wait_reason
    return (
        str(record.state) if why in {None, "delivered", record.state} else f"{record.state} {why}"
    )


def _table(rows: Iterable[tuple[str, ...]], width: int) -> Iterator[str]:
    """One line a row if they fit; else the last two columns stand below the others."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    fits = sum(widths) + 2 * (len(widths) - 1) <= width
    for row in rows:
        cells = [f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)]
        if fits:
            yield "  ".join(cells).rstrip()
        else:
            yield "  ".join(cells[:3]).rstrip()
            yield f"  {'  '.join(cells[3:]).rstrip()}"


def _row(record: JobRecord, now: float) -> tuple[str, ...]:
    lately = now - record.created_at < _DAY
    at = clock(record.created_at) if lately else date(record.created_at)[:10]
    return record.id, at, standing(record), record.chatbot_id, record.account


def _plain(record: JobRecord) -> tuple[str, ...]:
    why = record.outcome or record.wait_reason or ""
    return str(record.state), str(why), record.chatbot_id, record.account, record.image


def _iso(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
