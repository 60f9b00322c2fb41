"""A terminal that is drawn upon again and again: no flicker, and left as it was found."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_ENTER = "\x1b[?1049h\x1b[?25l"  # the other screen; no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
# As one: a terminal that knows ?2026 shows nothing of it before the end.
_BEGIN, _END = "\x1b[?2026h\x1b[H", "\x1b[J\x1b[?2026l"
_REST_OF_LINE = "\x1b[K"
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class Screen:
    """The terminal at standard input and output, within the block."""

    def __enter__(self) -> Self:
        self._input = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._input)
        self._handlers = {number: signal.signal(number, _end) for number in _ENDINGS}
        tty.setcbreak(self._input)
        quiet = termios.tcgetattr(self._input)
        quiet[6][termios.VSUSP] = b"\x00"  # a stop would leave the terminal to the shell like this
        termios.tcsetattr(self._input, termios.TCSANOW, quiet)
        _write(_ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        _write(_LEAVE)
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now; `COLUMNS` of the environment does not grow."""
        size = os.get_terminal_size(self._input)
        return size.columns, size.lines

    def draw(self, lines: Sequence[str]) -> None:
        """Show these instead of what was there."""
        _write(_BEGIN + f"{_REST_OF_LINE}\n".join(lines) + _REST_OF_LINE + _END)

    def key(self, seconds: float) -> str:
        """The key that is pressed within so long; empty if none is."""
        if not select.select([self._input], [], [], seconds)[0]:
            return ""
        return os.read(self._input, 1).decode("ascii", "replace") or "q"  # nobody is there any more


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
