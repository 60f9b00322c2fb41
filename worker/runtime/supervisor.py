"""Keeps a number of worker processes running, until told to stop.

What ends a process on purpose (a stuck connection) or by accident is followed
by a new one; what cannot start because of its settings is not.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from worker.monitoring.logs import fields
from worker.runtime.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)

EX_SETTINGS = 2
_LOOK = 0.1
_LONG_ENOUGH = 60.0
_LONGEST_PAUSE = 30.0
_BY_SIGNAL = 128


class Child(NamedTuple):
    """A process that runs.

    Attributes:
        pid: its number.
        age: seconds since it was started.
    """

    pid: int
    age: float


class Supervisor:
    """Starts, restarts and stops worker processes.

    Args:
        command: what to run.
        processes: how many of it.
        patience: seconds a process has to end after a signal, before it is killed.
        first_pause: seconds until a process that ended is followed by another; twice as
            long each time that one ends within a minute, up to half a minute.
        environment: what the process in each place, from 0 on, has in its environment besides.
        on_end: called with its place when a process has ended unasked.

    Attributes:
        wanted: how many processes there are to be.
        restarts: how many ended unasked.
    """

    def __init__(
        self,
        command: Sequence[str],
        processes: int,
        patience: float,
        *,
        first_pause: float = 1.0,
        environment: Callable[[int], Mapping[str, str]] = lambda _: {},
        on_end: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._slots = [
            _Slot(command, environment(place), first_pause) for place in range(processes)
        ]
        self._on_end = on_end
        self.wanted = processes
        self.restarts = 0
        self._patience = patience
        self._signals = 0

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; returns the exit code.

        The first signal lets the processes finish what is in flight, the second
        has them hand it back at once. The code is 0 if all ended well, 2 if one
        could not start because of its settings, else that of one that did not.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while not self._signals:
            if EX_SETTINGS in [self._look_after(place) for place in range(self.wanted)]:
                self._see_off()
                return EX_SETTINGS
            time.sleep(_LOOK)
        return self._see_off()

    @property
    def running(self) -> tuple[Child, ...]:
        """The processes that run; none any more once they were told to end. For any thread."""
        if self._signals:
            return ()
        found = [(slot.process, slot.started_at) for slot in self._slots]
        now = time.monotonic()
        return tuple(Child(process.pid, now - since) for process, since in found if process)

    def _look_after(self, place: int) -> int | None:
        code = self._slots[place].look_after()
        if code is not None:
            self.restarts += 1
            self._on_end(place)
        return code

    def _on_signal(self, *_: object) -> None:
        self._signals += 1  # no more: a process may just be being started

    def _see_off(self) -> int:
        exit_code = passed_on = 0
        kill_at = time.monotonic() + self._patience
        running = [slot.process for slot in self._slots if slot.process]
        while running:
            if passed_on < max(self._signals, 1):
                passed_on = max(self._signals, 1)
                for process in running:
                    process.terminate()
            time.sleep(_LOOK)
            for process in list(running):
                if process.poll() is None and time.monotonic() > kill_at:
                    log.error(
                        "worker process does not end; killed", extra=fields(child=process.pid)
                    )
                    process.kill()
                    process.wait()
                if process.returncode is not None:
                    running.remove(process)
                    if process.returncode != -signal.SIGTERM:  # ours, before it had begun to work
                        exit_code = exit_code or _exit_code(process)
        return exit_code


class _Slot:
    """The place of one worker process; when that ends, another takes it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], first_pause: float
    ) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self._command = command
        self._environment = environment
        self._first_pause = self._pause = first_pause
        self._start_at = float("-inf")

    def look_after(self) -> int | None:
        """Start a process if it is time for one; returns the exit code of one that has ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at:
                # A session of its own: Ctrl-C in a terminal is for the supervisor only.
                self.started_at = now
                self.process = subprocess.Popen(  # noqa: S603 - our own
                    self._command,
                    env=os.environ | self._environment,
                    start_new_session=True,
                )
            return None
        if self.process.poll() is None:
            return None
        code = _exit_code(self.process)
        if now - self.started_at > _LONG_ENOUGH:
            self._pause = self._first_pause
        if code != EX_SETTINGS:
            log.error(
                "worker process ended; another starts",
                extra=fields(child=self.process.pid, exit_code=code, pause=self._pause),
            )
        self.process = None
        self._start_at = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return code


def follow_parent() -> Loop:
    """In a worker process: end in good order once the supervisor is gone."""
    parent = os.getppid()

    def run_once() -> float:
        if os.getppid() != parent:
            log.warning("the supervisor is gone; stopping")
            os.kill(os.getpid(), signal.SIGTERM)
            return _LONG_ENOUGH
        return 1.0

    return Loop("parent watch", run_once)


def _exit_code(ended: subprocess.Popen[bytes]) -> int:
    """As a shell would tell it."""
    code = ended.returncode
    return code if code >= 0 else _BY_SIGNAL - code
