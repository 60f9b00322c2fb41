"""`facelift top`: the pool, drawn again every few seconds."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from types import FrameType
from typing import NoReturn

import click
from rich.live import Live

from facelift.cli.draw.console import console, print_json, show
from facelift.cli.operations.figures import SPAN, Figures
from facelift.cli.operations.frame import Frame
from facelift.cli.options import duration_within, json_option
from facelift.client import UploadClient
from facelift.errors import FaceliftError
from facelift.units import show_duration

_EVENTS = 50
_KEY_SECONDS = 0.1
_QUIT = {"q", "Q", "\x04", "gone"}
_COLUMNS = 60
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--every",
    type=duration_within(0.2, 3600),
    default="2s",
    show_default=True,
    metavar="DURATION",
    help="Time between two frames.",
)
@click.option("--once", is_flag=True, help="Print one frame, as in a pipe.")
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
            print_json(_as_dict(watcher.read()))
        elif once or not _is_live():
            show(watcher.read())
        else:
            _run(watcher)


class _Watcher(threading.Thread):
    """Reads the pool every few seconds, so that a Redis that does not answer delays no key.

    Args:
        client: reads it.
        every: seconds between two reads.

    Attributes:
        frame: what was read last.
        is_over: ends the thread after its present read.
    """

    def __init__(self, client: UploadClient, every: float) -> None:
        super().__init__(name="top", daemon=True)
        self.every = every
        self._client = client
        self._figures = Figures()
        self.frame = Frame(None, self._figures)
        self._after: str | None = None
        self.is_over = threading.Event()

    def run(self) -> None:
        """Read until it is over."""
        while True:
            try:
                self.frame = self.read()
            except FaceliftError as error:
                self.frame = Frame(self.frame.pool, self._figures, str(error))
            if self.is_over.wait(self.every):
                return

    def read(self) -> Frame:
        """Read the pool and what ended since the last read.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        pool = self._client.pool(events=_EVENTS)
        if self._after is None:
            self._after = f"{max(int((pool.at - SPAN) * 1000), 0)}-0"
        outcomes = list(self._client.outcomes(self._after, timeout=0))
        if outcomes:
            self._after = outcomes[-1].entry
        self._figures = self._figures.with_more(outcomes, pool.at)
        return Frame(pool, self._figures)


def _run(watcher: _Watcher) -> None:
    note = f"  every {show_duration(watcher.every)}  q quits"
    screen = console()
    drawn: tuple[Frame, os.terminal_size] | None = None
    with _keys() as key, Live(console=screen, screen=True, auto_refresh=False) as live:
        watcher.start()
        try:
            while key(_KEY_SECONDS) not in _QUIT:
                # Not rich's, which keeps to COLUMNS however the terminal grows.
                now = (watcher.frame, os.get_terminal_size(sys.stdout.fileno()))
                if now != drawn:
                    drawn, screen.size = now, now[1]
                    live.update(replace(now[0], note=note), refresh=True)
        except KeyboardInterrupt:
            pass
        finally:
            watcher.is_over.set()


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Read single keys from the terminal; leave it as it was, also at SIGTERM and SIGHUP."""
    # Where there is no terminal there need be no termios either.
    import termios  # noqa: PLC0415
    import tty  # noqa: PLC0415

    source = sys.stdin.fileno()

    def key(seconds: float) -> str:
        if not select.select([source], [], [], seconds)[0]:
            return ""
        return os.read(source, 1).decode("ascii", "replace") or "gone"

    before = termios.tcgetattr(source)
    handlers = {number: signal.signal(number, _end) for number in _ENDINGS}
    try:
        tty.setcbreak(source)
        quiet = termios.tcgetattr(source)
        quiet[6][termios.VSUSP] = b"\x00"  # Ctrl-Z would leave the shell a changed terminal
        termios.tcsetattr(source, termios.TCSANOW, quiet)
        yield key
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _is_live() -> bool:
    """Whether there is a terminal to draw upon."""
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return has_terminal and os.environ.get("TERM", "dumb") != "dumb"


def _as_dict(frame: Frame) -> dict[str, object]:
    assert frame.pool is not None  # noqa: S101 - or `read` had raised
    at, figures = frame.pool.at, frame.figures
    return {
        "pool": frame.pool.as_dict(),
        "span": SPAN,
        **asdict(figures.summary(at)),
        "throughput": figures.throughput(at, _COLUMNS),
        "latency": figures.latency(at, _COLUMNS),
    }
