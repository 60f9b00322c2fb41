"""`facelift top` on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STYLE = re.compile(rb"\x1b\[[0-9;]*m")
OTHER_SCREEN, BACK = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A terminal with `facelift top` on it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (24, 80))
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "facelift.cli", "top", "--every", "0.2s"],
            env=os.environ | environment,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
        )
        self.shown = b""

    def until_shown(self, text: bytes, timeout: float = 30) -> None:
        """Read on until `text` comes up that was not there before."""
        deadline = time.monotonic() + timeout
        seen = len(self.shown)
        while text not in self.shown[seen:]:
            assert time.monotonic() < deadline, self.shown[-4000:]
            if select.select([self._ours], [], [], 0.1)[0]:
                self.shown += STYLE.sub(b"", os.read(self._ours, 65_536))

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self.theirs)


@pytest.fixture
def redis(redis_binary: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path, binary=redis_binary) as server:
        yield server


@pytest.fixture
def terminal(redis: RedisServer, traced: dict[str, str]) -> Iterator[Terminal]:
    started = Terminal({"FACELIFT_REDIS_URL": redis.url, "TERM": "xterm"} | traced)
    try:
        started.until_shown(b"No worker is running.")
        yield started
    finally:
        started.close()


def test_it_survives_that_redis_goes_and_comes_back(terminal: Terminal, redis: RedisServer) -> None:
    redis.kill()
    terminal.until_shown(b"Redis     cannot be reached: ")
    redis.start()
    terminal.until_shown(b"Endpoint  breaker closed")
    while b"cannot be reached" in terminal.shown.rpartition(b"facelift top")[2]:
        terminal.until_shown(b"No recent events.")
    terminal.press(b"q")
    terminal.until_shown(BACK)
    assert terminal.process.wait(10) == 0


@pytest.mark.parametrize(
    ("ending", "code"), [("q", 0), (signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_it_leaves_the_terminal_as_it_was(
    terminal: Terminal, ending: str | signal.Signals, code: int
) -> None:
    assert OTHER_SCREEN in terminal.shown
    assert termios.tcgetattr(terminal.theirs) != terminal.before
    if isinstance(ending, str):
        terminal.press(ending.encode())
    else:
        terminal.process.send_signal(ending)
    terminal.until_shown(BACK)
    assert terminal.process.wait(10) == code
    assert termios.tcgetattr(terminal.theirs) == terminal.before


def test_it_shrinks_with_its_terminal(terminal: Terminal) -> None:
    termios.tcsetwinsize(terminal.theirs, (24, 30))
    terminal.until_shown("Ended     0 jobs in 5 min, 0 …".encode())
    lines = terminal.shown.rpartition(b"\x1b[H")[2].decode(errors="replace").split("\r\n")
    assert max(map(len, lines)) <= 30
