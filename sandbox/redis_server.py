"""An embedded Redis: starts a server on its own port, and removes it afterwards."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote

from facelift.errors import FaceliftError
from sandbox.child import ChildProcess
from sandbox.redis_binary import find_redis_server

_HOST = "127.0.0.1"
_PORT_ATTEMPTS = 5
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.005
_READY = "Ready to accept connections"


class RedisServerFailed(FaceliftError):  # noqa: N818 - says what happened, as JobNotFound does
    """The server did not start; the message holds its log."""


class RedisServer:
    """A Redis on 127.0.0.1 with an append-only file; runs inside a `with` block.

    Being killed costs it no acknowledged write, and it refuses writes rather than
    evict keys. Ctrl-C in our terminal does not reach it.

    Args:
        folder: where it keeps its data and log, created if missing; by default a
            temporary one, removed when the block ends.
        binary: the server to run; by default the one that `find_redis_server` finds.
        password: what clients must give; by default none.
        arguments: more for the command line, such as `["--maxmemory", "64mb"]`.

    Attributes:
        folder: where its data and log are.
        log: its log file.
        port: its port, the same after a restart; 0 before the first start.

    Raises:
        RedisServerMissing: no server was found.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        binary: Path | None = None,
        password: str | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self._binary = (binary or find_redis_server()).absolute()  # it runs in its folder
        self._temporary = None
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="facelift-redis-")
            folder = Path(self._temporary.name)
        self.folder = folder
        self.log = folder / "redis.log"
        self.port = 0
        self._password = password
        self._arguments = tuple(arguments)
        self._process: ChildProcess | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            if self._temporary:
                self._temporary.cleanup()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._running().pid

    @property
    def url(self) -> str:
        """The URL for clients, with the password."""
        login = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{login}{_HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it, with the port and data it had before, and wait until it answers.

        Raises:
            RedisServerFailed: it ended, or did not answer in time.
        """
        if self._process is not None:
            raise RuntimeError("the Redis server is already running")
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(_PORT_ATTEMPTS)):
            port = self.port or free_port()
            logged = self._launch(port)
            if _READY in logged:
                self.port = port
                return
            # Another program may have taken the port since it was free.
            if not left or "Address already in use" not in logged:
                raise RedisServerFailed(f"{self._binary} did not start:\n{logged.strip()}")

    def stop(self) -> None:
        """Let it finish its writes and wait until it has ended; does nothing if it has."""
        if self._process is not None:
            self._process.stop(_STOP_SECONDS)
            self._process = None

    def kill(self) -> None:
        """End it by SIGKILL, as a crash does; does nothing if it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._running().popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running().popen.send_signal(signal.SIGCONT)

    def _running(self) -> ChildProcess:
        if self._process is None:
            raise RuntimeError("the Redis server is not running")
        return self._process

    def _launch(self, port: int) -> str:
        """What it logs until it is ready; if it does not get ready, nothing of it is left."""
        options = ["--bind", _HOST, "--port", str(port), "--appendonly", "yes", "--save", ""]
        options += ["--maxmemory-policy", "noeviction", "--loglevel", "notice"]
        options += ["--daemonize", "no"]
        if self._password:
            options += ["--requirepass", self._password]
        command = [str(self._binary), *options, *self._arguments]
        with self.log.open("ab") as output, self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)  # past what it logged before
            self._process = ChildProcess(command, cwd=self.folder, stdout=output, stderr=output)
            logged = ""
            deadline = time.monotonic() + _START_SECONDS
            try:
                while self._process.popen.poll() is None and time.monotonic() < deadline:
                    logged += log.read().decode(errors="replace")
                    if _READY in logged:
                        return logged
                    time.sleep(_POLL_SECONDS)
                return logged + log.read().decode(errors="replace")
            finally:
                if _READY not in logged:
                    self.kill()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that no program listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
