"""A program that runs in a session of its own and is stopped with everything it started."""

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without


class ChildProcess:
    """Starts a command at once, with options of `Popen`; a terminal's Ctrl-C does not reach it."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:  # noqa: ANN401 - Popen's own
        self.popen: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
        self.pid = self.popen.pid
        self._descendants: set[psutil.Process] = set()

    def poll(self) -> int | None:
        """Its exit code, or None while it runs.

        Notes its descendants when it first has any, for `kill`: once it has ended, nothing
        leads to them.
        """
        if not self._descendants:
            self._note_descendants()
        return self.popen.poll()

    def stop(self, grace: float, *, requests: int = 1) -> None:
        """Ask it to end; kill it if it has not after `grace` seconds.

        Args:
            grace: seconds to wait after each request.
            requests: how often to send SIGTERM.
        """
        self._note_descendants()
        try:
            for _ in range(requests):
                self.popen.terminate()
                self.popen.send_signal(signal.SIGCONT)  # a paused process acts on SIGTERM only now
                with suppress(subprocess.TimeoutExpired):
                    self.popen.wait(grace)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill it and the processes that it has started, and wait until they are gone."""
        self.popen.kill()
        self.popen.wait()
        for each in self._descendants:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(self._descendants)

    def _note_descendants(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self._descendants |= set(psutil.Process(self.pid).children(recursive=True))
