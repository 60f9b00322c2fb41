"""The pool in one frame that fits its terminal: what `facelift top` draws, again and again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from facelift.cli.draw.console import Paragraph, cell, clock, counted, date, fact, span
from facelift.cli.draw.pool import (
    NO_ACCOUNT,
    NO_EVENT,
    NO_WORKER,
    describe_flow,
    table_of_accounts,
    table_of_events,
    table_of_workers,
)
from facelift.cli.draw.trouble import (
    attributed,
    count_failing,
    is_open,
    table_of_failing,
    worst_of,
)
from facelift.cli.operations.figures import SPAN, Figures, sparkline
from facelift.status.pool import PoolStatus

_BESIDE_LINE = 43  # columns of a sparkline's label, value and note
_SHORTEST_LINE, _LONGEST_LINE = 10, 100


@dataclass(frozen=True, slots=True)
class _Section:
    """A table of the frame.

    Attributes:
        items: a row each.
        draw: makes the table.
        if_empty: what to say if there is no item.
        unlisted: how many more there are that nobody lists.
    """

    items: Sequence[Any]
    draw: Callable[..., RenderableType]
    if_empty: str
    unlisted: int = 0

    @property
    def rows(self) -> int:
        """How many it takes to draw it whole."""
        return len(self.items) + bool(self.unlisted)

    def drawn(self, rows: int, now: float) -> Iterator[RenderableType]:
        """The table in so many rows; the last of several counts what is left out."""
        is_cut = rows > 1 and (rows < self.rows or self.unlisted > 0)
        listed = self.items[: rows - is_cut]
        yield self.draw(listed, now, one_line=True) if self.items else self.if_empty
        if is_cut:
            yield Text(f"and {len(self.items) - len(listed) + self.unlisted} more", "dim")


@dataclass(frozen=True, slots=True)
class Frame:
    """The pool, drawn in the columns that there are, and in the lines if they are limited.

    Attributes:
        pool: as it was when Redis last answered; None before.
        figures: of the same time.
        trouble: why Redis has not answered since, for a person; None if it has.
        note: what to say beside the time.
    """

    pool: PoolStatus | None
    figures: Figures
    trouble: str | None = None
    note: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it; see rich's console protocol."""
        pool = self.pool and attributed(self.pool)
        head = Group(*self._head(pool, options))
        yield head
        if pool is None:
            return
        now = pool.at
        # Problems first, then who has most to do.
        accounts = sorted(
            pool.accounts,
            key=lambda each: (
                not is_open(each),
                not each.pause,
                not each.failing_chatbots,
                -each.waiting,
                -each.used,
                each.name,
            ),
        )
        workers = sorted(
            pool.workers, key=lambda each: (not each.trouble(now), -each.busy, each.name)
        )
        sections = [
            _Section(accounts, table_of_accounts, NO_ACCOUNT),
            _Section(workers, table_of_workers, NO_WORKER),
            _Section(pool.events, table_of_events, NO_EVENT),
        ]
        if failing := worst_of(pool.accounts):
            unlisted = max(0, count_failing(pool.accounts) - len(failing))
            sections.insert(1, _Section(failing, table_of_failing, "", unlisted))
        rows = [section.rows for section in sections]
        if options.height is not None:
            used = len(console.render_lines(head, options.update(height=None)))
            # A section takes a blank line, and a line for its head.
            rows = _share_out(rows, options.height - used - 2 * len(sections))
        for section, given in zip(sections, rows, strict=True):
            yield ""
            yield from section.drawn(given, now)

    def _head(self, pool: PoolStatus | None, options: ConsoleOptions) -> Iterator[RenderableType]:
        at = f"  {date(pool.at)}" if pool else ""
        yield Text.assemble(("facelift top", "bold"), at, self.note, no_wrap=True)
        if self.trouble:
            trouble = cell(self.trouble.removeprefix("Redis "), "red")
            yield fact("Redis", trouble, most=1)
            since = f"; the figures are of {clock(pool.at)}" if pool else ""
            yield fact("", f"trying again{since}", most=1)
        if pool is None:
            return
        yield from describe_flow(pool, most=2)
        yield from self._figures(pool.at, options)

    def _figures(self, now: float, options: ConsoleOptions) -> Iterator[Paragraph]:
        figures = self.figures
        summary = figures.summary(now)
        ended = f"{counted(summary.ended, 'job')} in {SPAN / 60:.0f} min"
        removed = f", {summary.removed} removed" if summary.removed else ""
        yield fact("Ended", f"{ended}, {summary.delivered} delivered{removed}", most=1)
        columns = min(max(options.max_width - _BESIDE_LINE, _SHORTEST_LINE), _LONGEST_LINE)

        def line(label: str, value: str, values: Sequence[float | None], note: str) -> Paragraph:
            drawn = sparkline(values, ascii_only=options.ascii_only)
            return fact(label, Text.assemble(f"{value:<10}", (drawn, "cyan"), f"  {note}"), most=1)

        rates = figures.throughput(now, columns)
        most = max(rate or 0 for rate in rates)
        yield line("Rate", f"{summary.rate:.1f}/s", rates, f"most {most:.1f}/s")
        latencies = figures.latency(now, columns)
        if summary.median is None or summary.slow is None:
            yield line("Latency", "-", latencies, "no recent delivery")
        else:
            slow = f"95 % within {span(summary.slow)}"
            yield line("Latency", span(summary.median), latencies, slow)


def _share_out(wanted: Sequence[int], room: int) -> list[int]:
    """How many of its rows each section may show: each gets one more in turn."""
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for number, most in enumerate(wanted):
            if room > 0 and given[number] < most:
                given[number] += 1
                room -= 1
    return given
