"""`facelift top`: the pool, as it is now and again every few seconds."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facelift.cli.draw.layout import WIDTH
from facelift.cli.operations.figures import SPAN, Figures
from facelift.cli.operations.top_frame import View, frame
from facelift.cli.options import json_option
from facelift.cli.values import duration_within
from facelift.client import UploadClient
from facelift.errors import FaceliftError
from facelift.units import show_duration

if TYPE_CHECKING:
    from facelift.cli.operations.screen import Screen

_EVENTS = 50
_KEY_SECONDS = 0.1
_COLUMNS = 60


@click.command()
@click.option(
    "--every",
    type=duration_within(0.2, 3600),
    default="2s",
    show_default=True,
    metavar="DURATION",
    help="Look so often.",
)
@click.option("--once", is_flag=True, help="Print it once. In a pipe that is so anyway.")
@json_option
def top(*, every: float, once: bool, as_json: bool) -> None:
    """Watch the pool live.

    Press q to quit. Shows the queue, what jobs wait for, throughput and latency,
    accounts, workers and recent events. Rate is the jobs that ended per second, Latency
    the median time from enqueueing to delivery, both over the last 10 s; the lines draw
    the last 5 minutes. While Redis is away it says so, and goes on once it is back.
    With --json it is one object.

    \b
    Examples:
      facelift top
      facelift top --every 10s
      facelift top --json | jq .pool.waiting
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        watcher = _Watcher(client, every)
        if as_json:
            click.echo(json.dumps(_as_dict(watcher.look())))
        elif once or not _is_live():
            view = watcher.look()
            click.echo("\n".join(frame(view, _width(), None, plain=_is_plain())))
        else:
            # Where there is no terminal there need be no termios either.
            from facelift.cli.operations.screen import Screen  # noqa: PLC0415

            with Screen() as screen:
                _run(screen, watcher)


def _width() -> int:
    """Columns of the terminal, or of what stands for it in a pipe."""
    return os.get_terminal_size().columns if sys.stdout.isatty() else WIDTH


class _Watcher(threading.Thread):
    """Looks every few seconds, so that a Redis that does not answer holds up no key.

    Args:
        client: whom to ask.
        every: seconds between two looks.
    """

    def __init__(self, client: UploadClient, every: float) -> None:
        super().__init__(name="top", daemon=True)
        self.every = every
        self._client = client
        self._figures = Figures()
        self.view = View(None, self._figures)
        self._after: str | None = None
        self._over = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while True:
            try:
                self.view = self.look()
            except FaceliftError as error:
                self.view = View(self.view.pool, self._figures, str(error))
            if self._over.wait(self.every):
                return

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def look(self) -> View:
        """How the pool stands.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        pool = self._client.pool(events=_EVENTS)
        if self._after is None:
            self._after = f"{max(int((pool.at - SPAN) * 1000), 0)}-0"
        outcomes = list(self._client.outcomes(self._after, timeout=0))
        if outcomes:
            self._after = outcomes[-1].entry
        self._figures = self._figures.with_more(outcomes, pool.at)
        return View(pool, self._figures)


def _run(screen: Screen, watcher: _Watcher) -> None:
    note = f"  every {show_duration(watcher.every)}  q quits"
    drawn, size = None, (0, 0)
    watcher.start()
    try:
        while screen.key(_KEY_SECONDS) not in {"q", "Q", "\x04"}:
            view = watcher.view
            if view is not drawn or screen.size != size:
                drawn, size = view, screen.size
                screen.draw(frame(view, *size, note=note, plain=_is_plain()))
    except KeyboardInterrupt:
        pass
    finally:
        watcher.stop()


def _is_live() -> bool:
    """Whether there is a terminal to draw upon."""
    seen = sys.stdin.isatty() and sys.stdout.isatty()
    return seen and os.environ.get("TERM", "dumb") != "dumb"


def _is_plain() -> bool:
    return not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _as_dict(view: View) -> dict[str, object]:
    assert view.pool is not None  # noqa: S101 - or `look` had raised
    at, figures = view.pool.at, view.figures
    return {
        "pool": view.pool.as_dict(),
        "span": SPAN,
        **asdict(figures.summary(at)),
        "throughput": figures.throughput(at, _COLUMNS),
        "latency": figures.latency(at, _COLUMNS),
    }
