"""Keeps a number of worker processes running until it receives SIGTERM or SIGINT.

A process that ends, on purpose (a stuck connection) or by accident, is replaced. One that
cannot start because of invalid settings is not.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from worker.monitoring.health import Child
from worker.monitoring.logs import fields
from worker.runtime.loop import Loop
from worker.runtime.watchdog import EX_STUCK

log = logging.getLogger(__name__)

EX_SETTINGS = 2
_POLL = 0.1
_LONG_ENOUGH = 60.0
_LONGEST_PAUSE = 30.0
_AFTER_A_KILL = 2.0
_SIGNAL_BASE = 128


class Ended(NamedTuple):
    """A process that ended without having been stopped.

    Attributes:
        place: in which it ran, from 0 on.
        pid: its process id.
        code: its exit code, as a shell reports it.
    """

    place: int
    pid: int
    code: int

    @property
    def is_lost(self) -> bool:
        """Whether it ended by accident, and may have left jobs behind."""
        return self.code not in {0, EX_SETTINGS, EX_STUCK}


class Supervisor:
    """Starts, restarts and stops worker processes.

    Args:
        command: what to run.
        processes: how many of it.
        patience: seconds that a process has to end after a signal, before it is killed.
        first_pause: seconds until a process that ended is replaced. The pause doubles each time
            that a process ends within a minute, up to half a minute; after a signal, up to 2 s.
        environment: additional environment variables of the process in each place, from 0 on.
        on_end: called when a process ended without having been stopped.

    Attributes:
        wanted: how many processes should run.
        restarts: how many ended without having been stopped.
    """

    def __init__(
        self,
        command: Sequence[str],
        processes: int,
        patience: float,
        *,
        first_pause: float = 1.0,
        environment: Callable[[int], Mapping[str, str]] = lambda _: {},
        on_end: Callable[[Ended], object] = lambda _: None,
    ) -> None:
        self._places = [
            _Place(command, environment(number), first_pause) for number in range(processes)
        ]
        self._on_end = on_end
        self.wanted = processes
        self.restarts = 0
        self._patience = patience
        self._signals = 0

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; returns the exit code.

        The first signal drains the processes, the second has them release their jobs at once.
        The code is 0 if all ended well, 2 if one could not start because of its settings, else
        that of a process that failed.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while not self._signals:
            if EX_SETTINGS in self.check():
                self._stop_all()
                return EX_SETTINGS
            time.sleep(_POLL)
        return self._stop_all()

    def check(self) -> list[int]:
        """Start the processes that are due; returns the exit codes of those that ended."""
        codes = []
        for number, place in enumerate(self._places):
            pid = place.process.pid if place.process else 0
            if (code := place.check()) is not None:
                self.restarts += 1
                self._on_end(Ended(number, pid, code))
                codes.append(code)
        return codes

    @property
    def running(self) -> tuple[Child, ...]:
        """The running processes; none once they are being stopped. Safe in any thread."""
        if self._signals:
            return ()
        found = [(place.process, place.started_at) for place in self._places]
        now = time.monotonic()
        return tuple(Child(process.pid, now - since) for process, since in found if process)

    def _on_signal(self, *_: object) -> None:
        self._signals += 1  # nothing else: a process may be starting at this moment

    def _stop_all(self) -> int:
        exit_code = passed_on = 0
        kill_at = time.monotonic() + self._patience
        running = [place.process for place in self._places if place.process]
        while running:
            if passed_on < max(self._signals, 1):
                passed_on = max(self._signals, 1)
                for process in running:
                    process.terminate()
            time.sleep(_POLL)
            for process in list(running):
                if process.poll() is None and time.monotonic() > kill_at:
                    log.error(
                        "worker process does not end; killed", extra=fields(child=process.pid)
                    )
                    process.kill()
                    process.wait()
                if process.returncode is not None:
                    running.remove(process)
                    if process.returncode != -signal.SIGTERM:  # stopped before it was set up
                        exit_code = exit_code or _exit_code(process)
        return exit_code


class _Place:
    """The place of one worker process; when that ends, another takes the place."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], first_pause: float
    ) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self._command = command
        self._environment = environment
        self._first_pause = self._pause = first_pause
        self._start_at = float("-inf")

    def check(self) -> int | None:
        """Start a process if one is due; returns the exit code of a process that has ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at:
                self.started_at = now
                # In a session of its own: Ctrl-C in a terminal is for the supervisor only.
                self.process = subprocess.Popen(  # noqa: S603 - our own command
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
        # One that was killed could start, and its jobs wait for the next.
        longest = _LONGEST_PAUSE if code < _SIGNAL_BASE else _AFTER_A_KILL
        self._pause = max(self._first_pause, min(self._pause * 2, longest))
        return code


def follow_parent() -> Loop:
    """In a worker process: shut down gracefully once the supervisor has died."""
    parent = os.getppid()

    def run_once() -> float:
        if os.getppid() != parent:
            log.warning("the supervisor died; stopping")
            os.kill(os.getpid(), signal.SIGTERM)
            return _LONG_ENOUGH
        return 1.0

    return Loop("parent watch", run_once)


def _exit_code(ended: subprocess.Popen[bytes]) -> int:
    """As a shell reports it: 128 and the signal's number for a process that a signal ended."""
    code = ended.returncode
    return code if code >= 0 else _SIGNAL_BASE - code
