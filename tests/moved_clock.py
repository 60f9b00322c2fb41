"""A Redis server whose clock a test sets while it runs."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.redis_binary import find_redis_server
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE = Path(__file__).with_suffix(".c")


class MovedClock:
    """How far a server's clock is ahead of the machine's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)

    def set(self, seconds: float) -> None:
        """Have the clock go ahead of the machine's by whole seconds; below 0 it is behind."""
        self._memory[:] = struct.pack("d", seconds)


@contextmanager
def redis_with_clock(folder: Path) -> Iterator[tuple[RedisServer, MovedClock]]:
    """Start a server, and the means to set its clock; skips the test without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the moved clock")
    library = folder / "moved_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
    clock = MovedClock(folder / "ahead")
    server = folder / "server"
    server.write_text(
        "#!/bin/sh\n"
        f"LD_PRELOAD='{library}' MOVED_CLOCK='{clock.path}' exec '{find_redis_server()}' \"$@\"\n"
    )
    os.chmod(server, 0o755)  # noqa: PTH101,S103 - only this test's folder
    with RedisServer(folder / "redis", binary=server) as redis:
        yield redis, clock
