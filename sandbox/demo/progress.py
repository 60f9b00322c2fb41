"""Jobs on their way: a moving table on a terminal, a line a change anywhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from facelift import JobState
from sandbox.demo.wording import STYLES, picture, why

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType

    from facelift import JobRecord

_FRAMES_PER_SECOND = 8
_STATE_WIDTH = max(map(len, JobState))


class Progress(Protocol):
    """Shows what goes on, in a `with` block."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Leave the screen to others."""

    def step(self, sentence: str) -> None:
        """This is about to be done."""

    def show(self, records: Sequence[JobRecord]) -> None:
        """The jobs stand like this; always in the same order."""


def progress_on(console: Console, now: Callable[[], float] = time.time) -> Progress:
    """What suits the console. `now` gives Unix seconds."""
    return _MovingTable(console, now) if console.is_interactive else _Lines(console, now)


class _MovingTable:
    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._now = now
        self._start = now()
        self._spinner = Spinner("dots", style="cyan")
        self._step = ""
        self._records: Sequence[JobRecord] = ()
        self._live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def step(self, sentence: str) -> None:
        self._step = sentence

    def show(self, records: Sequence[JobRecord]) -> None:
        self._records = records

    def _render(self) -> RenderableType:
        now, records = self._now(), self._records
        ended = sum(each.state.is_terminal for each in records)
        count = f"{ended} of {len(records)} jobs have ended, " if records else ""
        self._spinner.update(text=Text(f"{self._step}: {count}{now - self._start:.0f} s"))
        return Group(self._spinner, "", _table(records, now)) if records else self._spinner


class _Lines:
    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._now = now
        self._start = now()
        self._said: dict[str, tuple[object, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, sentence: str) -> None:
        self._say(sentence)

    def show(self, records: Sequence[JobRecord]) -> None:
        pictures = max(len(picture(each)) for each in records)
        chatbots = max(len(each.chatbot_id) for each in records)
        for each in records:
            news = (each.state, each.wait_reason, len(each.attempts))
            if self._said.setdefault(each.id, news) != news:
                self._said[each.id] = news
                self._say(
                    f"{picture(each):{pictures}}  {each.chatbot_id:{chatbots}}  "
                    f"{each.state:{_STATE_WIDTH}}  {why(each, self._now())}"
                )

    def _say(self, line: str) -> None:
        self._console.print(f"{self._now() - self._start:5.1f} s  {line}", soft_wrap=True)


def _table(records: Sequence[JobRecord], now: float) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Picture", no_wrap=True)
    table.add_column("Chatbot", no_wrap=True)
    table.add_column("State", no_wrap=True, min_width=_STATE_WIDTH)
    table.add_column("Attempts", no_wrap=True, justify="right")
    table.add_column("Why", no_wrap=True)
    for each in records:
        table.add_row(
            picture(each),
            each.chatbot_id,
            Text(each.state, style=STYLES[each.state]),
            str(len(each.attempts)) if each.attempts else "",
            why(each, now),
        )
    return table
