"""One picture of the pool that fits a terminal: what `facelift top` draws, again and again."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.cli.draw.layout import clock, date, moment
from facelift.cli.draw.pool import (
    counted,
    describe_account,
    describe_breaker,
    describe_event,
    describe_pause,
    describe_poll,
    describe_use,
    describe_waiting,
)
from facelift.cli.operations.figures import SPAN, sparkline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facelift.cli.operations.figures import Figures
    from facelift.status.pool import PoolStatus

_LABEL, _NOW, _TAIL = 10, 10, 21
_MOST_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class View:
    """What there is to draw.

    Attributes:
        pool: as it was at the last look that succeeded; None before.
        figures: of the same time.
        trouble: why Redis could not be asked since, for a person; None if it could.
    """

    pool: PoolStatus | None
    figures: Figures
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Section:
    """A table that may be cut short."""

    head: str
    rows: list[str]
    if_empty: str


def frame(
    view: View, width: int, height: int | None, *, note: str = "", plain: bool = False
) -> list[str]:
    """Draw it.

    Args:
        view: what.
        width: columns, which no line exceeds.
        height: lines at most; None for as many as it takes.
        note: what to say beside the time.
        plain: whether only ASCII can be shown.
    """
    pool = view.pool
    lines = []
    if view.trouble:
        lines.append(_fact("Redis", view.trouble.removeprefix("Redis ")))
        since = f"; what follows is of {clock(pool.at)}" if pool else ""
        lines.append(_fact("", f"trying again{since}"))
    if pool is None:
        return _cut(["facelift top" + note, *lines], width, height, plain=plain)
    lines = [f"facelift top  {date(pool.at)}{note}", *lines, *_head(view, pool, width, plain=plain)]
    room = None if height is None else height - len(lines)
    for section, rows in _share_out(_sections(pool), room):
        lines += ["", section.head, *rows] if section.rows else ["", section.if_empty]
    return _cut(lines, width, height, plain=plain)


def _head(view: View, pool: PoolStatus, width: int, *, plain: bool) -> Iterator[str]:
    yield from _wrapped("Endpoint", describe_breaker(pool), width, plain=plain)
    if pool.pause:
        yield from _wrapped("All jobs", describe_pause(pool.pause, pool.at), width, plain=plain)
    oldest = ""
    if pool.oldest_at is not None:
        oldest = f"; the oldest job that waits its turn: {_span(pool.at - pool.oldest_at)} old"
    yield _fact("Queue", counted(pool.queued, "message") + oldest)
    yield _fact("Running", counted(pool.running, "job"))
    yield _fact("Waiting", describe_waiting(pool))
    summary = view.figures.summary(pool.at)
    yield _fact(
        "Ended",
        f"{counted(summary.ended, 'job')} in {SPAN / 60:.0f} min, {summary.delivered} delivered",
    )
    columns = min(max(width - _LABEL - _NOW - _TAIL - 2, 10), _MOST_COLUMNS)
    rates = view.figures.throughput(pool.at, columns)
    latencies = view.figures.latency(pool.at, columns)
    most = max((rate for rate in rates if rate is not None), default=0)
    yield _drawn("Rate", f"{summary.rate:.1f}/s", rates, f"most {most:.1f}/s", plain=plain)
    if summary.median is None or summary.slow is None:
        yield _drawn("Latency", "-", latencies, "none delivered lately", plain=plain)
    else:
        slow = f"95 % within {_span(summary.slow)}"
        yield _drawn("Latency", _span(summary.median), latencies, slow, plain=plain)


def _sections(pool: PoolStatus) -> list[_Section]:
    accounts = sorted(
        pool.accounts, key=lambda each: (each.pause is None, -each.waiting, -each.used, each.name)
    )
    workers = sorted(
        pool.workers, key=lambda each: (each.trouble(pool.at) is None, -each.busy, each.name)
    )
    return [
        _table(
            ("Account", "Used", "Waiting", "State"),
            [
                (a.name, describe_use(a), str(a.waiting), describe_account(a, pool.at))
                for a in accounts
            ],
            "No worker has told of an account yet.",
        ),
        _table(
            ("Worker", "Busy", "Last poll"),
            [(w.name, f"{w.busy} of {w.slots}", describe_poll(w, pool.at)) for w in workers],
            "No worker is running.",
        ),
        _Section(
            "Lately",
            [f"{moment(e.at, pool.at)}  {describe_event(e)}" for e in pool.events],
            "Nothing has happened to the pool lately.",
        ),
    ]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]], if_empty: str) -> _Section:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    return _Section(lines[0], lines[1:], if_empty)


def _share_out(
    sections: Sequence[_Section], room: int | None
) -> Iterator[tuple[_Section, list[str]]]:
    """Each section with the rows that it may show: one after the other gets one more."""
    wanted = [len(section.rows) for section in sections]
    given = list(wanted)
    if room is not None:
        given = [0] * len(sections)
        left = max(room - 2 * len(sections), 0)  # a blank line and a head each
        while left and given != wanted:
            for number, most in enumerate(wanted):
                if left and given[number] < most:
                    given[number] += 1
                    left -= 1
    for section, shown in zip(sections, given, strict=True):
        rows = section.rows[:shown]
        if 0 < shown < len(section.rows):
            rows[-1] = f"and {len(section.rows) - shown + 1} more"
        yield section, rows


def _cut(lines: list[str], width: int, height: int | None, *, plain: bool) -> list[str]:
    dots = "..." if plain else "…"
    cut = [line if len(line) <= width else line[: width - len(dots)] + dots for line in lines]
    return cut if height is None else cut[:height]


def _wrapped(label: str, value: str, width: int, *, plain: bool) -> Iterator[str]:
    """What may be long and matters, in two lines at most."""
    lines = textwrap.wrap(
        value,
        max(width - _LABEL, _LABEL),
        max_lines=2,
        placeholder="..." if plain else "…",
        break_on_hyphens=False,
    )
    for number, line in enumerate(lines):
        yield _fact("" if number else label, line)


def _fact(label: str, value: str) -> str:
    return f"{label:<{_LABEL}}{value}"


def _drawn(label: str, now: str, values: Sequence[float | None], tail: str, *, plain: bool) -> str:
    return f"{label:<{_LABEL}}{now:<{_NOW}}{sparkline(values, plain=plain)}  {tail}"


def _span(seconds: float) -> str:
    """So long, in two or three digits."""
    seconds = max(seconds, 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits then
