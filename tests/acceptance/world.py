"""Real worker processes against a real Redis and the sandbox endpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMAND = (sys.executable, "-m", "facelift.cli", "worker")
CANARY = "canary-7Zr4key"
OTHER_KEYS = tuple(f"{CANARY}-{number}" for number in range(1, 5))  # of other accounts


class WorkerProcess:
    """One worker; its log lies in a file."""

    def __init__(
        self,
        command: tuple[str, ...],
        environment: dict[str, str],
        log: Path,
        folder: Path | None = None,
    ) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def wait_until_ready(self) -> None:
        eventually(lambda: "ready:" in self.log, f"the worker is not ready: {self.log}")

    @property
    def children(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children())

    def kill(self) -> None:
        """With SIGKILL, the supervisor first so that it starts no other."""
        if self.process.poll() is None:
            children = self.children
            self.process.kill()
            for child in children:
                child.kill()
        self.process.wait()

    def stop(self, timeout: float = 40) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        finally:
            self.kill()


@contextmanager
def worker(
    log: Path,
    environment: dict[str, str],
    command: tuple[str, ...] = COMMAND,
    folder: Path | None = None,
) -> Iterator[WorkerProcess]:
    """A ready worker, which ends with the block; `folder` is its current folder."""
    started = WorkerProcess(command, os.environ | environment, log, folder)
    try:
        started.wait_until_ready()
        yield started
    finally:
        started.stop()


def eventually(holds: Callable[[], object], otherwise: str, timeout: float = 30) -> None:
    """Wait until `holds()`; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
