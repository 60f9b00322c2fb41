"""Prints for people and for programs: times, facts and tables drawn by rich, and JSON.

Text of a record may hold anything. What a terminal would act on is escaped here, in everything that
a `console` draws and in every line, and rich's markup is off: such text is shown and never obeyed.
Times are Unix seconds, shown in UTC.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import click
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from facelift.text import printable, printable_json

PIPE_WIDTH = 80
_LABEL = 10
_NARROWEST = 20


def date(time: float) -> str:
    """Day and time of day."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(time: float) -> str:
    """The time of day."""
    return f"{datetime.fromtimestamp(time, UTC):%H:%M:%S}"


def moment(time: float, today: float) -> str:
    """The time of day, with the day if that is another than of `today`."""
    return clock(time) if date(time)[:10] == date(today)[:10] else date(time)


def iso(time: float) -> str:
    """Day and time in ISO 8601, for a program."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def counted(count: int, what: str) -> str:
    """The number with its noun: `1 job`, `2 jobs`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def span(seconds: float) -> str:
    """A duration in two or three digits."""
    seconds = max(seconds, 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits then


class SafeConsole(Console):
    """Escapes, in every text that it draws, what the terminal would act on."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Draw it; see `Console.render`."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                lines = "\n".join(map(printable, segment.text.split("\n")))
                yield Segment(lines, segment.style)


def cell(text: str, style: str = "") -> Text:
    """Text as it will be drawn, so that its width is known before."""
    return Text(printable(text), style)


def console(*, err: bool = False) -> Console:
    """Standard output or error as it is now; 80 columns wide if that is not a terminal."""
    stream = sys.stderr if err else sys.stdout
    is_sized = stream.isatty() or os.environ.get("COLUMNS", "").isdigit()
    width = None if is_sized else PIPE_WIDTH
    return SafeConsole(stderr=err, width=width, markup=False, emoji=False, highlight=False)


def show(*drawn: RenderableType, to: Console | None = None) -> None:
    """Print for a person; in a pipe as plain lines without trailing blanks."""
    to = to or console()
    if to.is_terminal:
        to.print(Group(*drawn), crop=False)
        return
    with to.capture() as captured:
        to.print(Group(*drawn), crop=False)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), to.file)


def say(sentence: str, *, err: bool = False) -> None:
    """Print a sentence as one line, however long."""
    click.echo(printable(sentence), err=err)


def warn(sentence: str) -> None:
    """Print a warning on standard error."""
    say(f"facelift: warning: {sentence}", err=True)


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    click.echo(printable_json(json.dumps(value)))


def answer(value: object, *drawn: RenderableType, as_json: bool) -> None:
    """Print a value as JSON, or what is drawn of it."""
    if as_json:
        print_json(value)
    else:
        show(*drawn)


class Paragraph:
    """Text behind a head, wrapped and indented; no word is broken, so that ids can be copied.

    Args:
        head: what stands before it on its first line.
        text: what is wrapped.
        head_style: the head's style.
        most: lines to show at most, the last of them shortened; None for all.
    """

    def __init__(
        self, head: str, text: str | Text, *, head_style: str = "", most: int | None = None
    ) -> None:
        self._head = cell(head, head_style)
        self._text = text if isinstance(text, Text) else cell(text)
        self._most = most

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it; see rich's console protocol."""
        room = max(options.max_width - self._head.cell_len, _NARROWEST)
        width = room if self._most else max(room, *map(cell_len, self._text.plain.split()), 0)
        lines = list(self._text.wrap(console, width, overflow="fold")) or [Text()]
        if self._most is not None and len(lines) > self._most:
            lines = lines[: self._most]
            lines[-1].truncate(width - 1)
            lines[-1].append("…")
        head = self._head
        for line in lines:
            yield Text.assemble(head, line, no_wrap=True, overflow="ignore")
            head = Text(" " * self._head.cell_len)


def fact(label: str, value: str | Text, *, most: int | None = None) -> Paragraph:
    """A value behind its label."""
    return Paragraph(f"{label:<{_LABEL}}", value, head_style="bold", most=most)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    right: Iterable[str] = (),
    whole: bool = False,
    one_line: bool = False,
) -> Table:
    """A table without lines.

    Args:
        head: the names of its columns.
        rows: their cells.
        right: the columns that are aligned to the right.
        whole: whether no cell is broken, even if a row exceeds the terminal.
        one_line: whether a row is one line, its last column shortened.
    """
    cells = [[each if isinstance(each, Text) else cell(each) for each in row] for row in rows]
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    drawn.expand = one_line
    if whole:
        drawn.width = width_of([head, *([each.plain for each in row] for row in cells)])
    for name in head:
        drawn.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=one_line,
            overflow="ellipsis" if one_line else "fold",
            ratio=1 if one_line and name == head[-1] else None,
        )
    for row in cells:
        drawn.add_row(*row)
    return drawn


def width_of(rows: Iterable[Sequence[str]]) -> int:
    """The width of a table in which no cell of these rows is broken."""
    columns = [
        [line for each in column for line in each.split("\n")] for column in zip(*rows, strict=True)
    ]
    return sum(max(map(cell_len, lines)) for lines in columns) + 2 * (len(columns) - 1)
