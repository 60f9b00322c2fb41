"""Signals that ask the demo to stop.

They are noted, and acted upon between two steps: never while a process is being
started or stopped, so that none is forgotten, however often Ctrl-C is pressed.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 - an order, not an error
    """A signal asked us to stop.

    Attributes:
        exit_code: what a shell reports of a process that ended by that signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class StopSignals:
    """Notes SIGINT, SIGTERM and SIGHUP while in its `with` block.

    What fails after a signal came is taken for a consequence of it.
    """

    def __init__(self) -> None:
        self._noted: int | None = None

    def __enter__(self) -> Self:
        self._before = {
            each: signal.signal(each, self._note)
            for each in _SIGNALS
            # nohup sets SIGHUP aside. A shell's & does that to SIGINT, but does not mean it.
            if each != signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN
        }
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        # Ctrl-C also hits a process that we start, until it is in a session of its own.
        if isinstance(error, Exception) and self._noted is not None:
            raise Stopped(self._noted) from error

    def check(self) -> None:
        """Do nothing, unless a signal came.

        Raises:
            Stopped: a signal came.
        """
        if self._noted is not None:
            raise Stopped(self._noted)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._noted = self._noted or number
