"""An embedded Redis: started on a port of its own, gone afterwards.

Only a server's binary is used, found by `redis_binary.py`; who speaks to it
makes a client from `RedisServer.url`.

FaceliftError
└── RedisServerFailed     it did not start; the message holds its log
"""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from facelift.errors import FaceliftError
from sandbox.redis_binary import find_redis_server

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOST = "127.0.0.1"
_PORT_TRIES = 5
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.005


class RedisServerFailed(FaceliftError):  # noqa: N818 - says what happened, as JobNotFound does
    """The server did not start."""


class RedisServer:
    """A Redis on 127.0.0.1 with an append-only file; runs inside a `with` block.

    It loses nothing it acknowledged when it is killed, and refuses writes rather
    than evict. It runs in a session of its own: Ctrl-C reaches us, not it, and
    leaving the block stops it.

    Args:
        folder: where it keeps its data and log, made if it is not there; a
            temporary one if not given, removed when the block ends.
        binary: the server to run; searched for if not given.
        password: what clients must give; none if not given.
        arguments: more for the command line, such as `["--maxmemory", "64mb"]`.

    Raises:
        RedisServerMissing: there is no server to run.
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
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._password = password
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove_temporary()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._remove_temporary()

    @property
    def port(self) -> int:
        """Its port; the same after a restart."""
        if self._port is None:
            raise RuntimeError("the Redis server was never started")
        return self._port

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running().pid

    @property
    def url(self) -> str:
        """What a client needs, the password included."""
        login = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{login}{_HOST}:{self.port}/0"

    @property
    def folder(self) -> Path:
        """Where its data and its log are."""
        if self._folder is None:
            raise RuntimeError("the Redis server has no folder until it is started")
        return self._folder

    @property
    def log(self) -> Path:
        """What it had to say."""
        return self.folder / "redis.log"

    def start(self) -> None:
        """Start it and wait until it answers; on the same port and folder as before.

        Raises:
            RedisServerFailed: it died, or did not answer in time.
        """
        if self._process is not None:
            raise RuntimeError("the Redis server is running already")
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="facelift-redis-")
            self._folder = Path(self._temporary.name)
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(_PORT_TRIES)):
            port = self._port or free_port()
            said_before = self.log.stat().st_size if self.log.exists() else 0
            if self._launch(port):
                self._port = port
                return
            said = self.log.read_bytes()[said_before:].decode(errors="replace").strip()
            # Somebody may have taken the port since it was free.
            if not left or "Address already in use" not in said:
                raise RedisServerFailed(f"{self._binary} did not start:\n{said}")

    def stop(self) -> None:
        """Let it finish what it is writing, and wait until it is gone. Harmless twice."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # a paused one would not hear
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: gone without a word, as in a power cut that spares the disk. Harmless twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the Redis server is not running")
        return self._process

    def _launch(self, port: int) -> bool:
        """Whether it came up; if not, nothing of it is left."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(port),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ready = False
        try:
            ready = self._wait_until_ready(port)
        finally:
            if not ready:
                self.kill()
        return ready

    def _command(self, port: int) -> list[str]:
        settings = {
            "bind": _HOST,
            "port": str(port),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "daemonize": "no",
        }
        if self._password:
            settings["requirepass"] = self._password
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(self._binary), *options, *self._arguments]

    def _wait_until_ready(self, port: int) -> bool:
        process = self._running()
        deadline = time.monotonic() + _START_SECONDS
        with Redis(
            host=_HOST,
            port=port,
            password=self._password,
            socket_timeout=0.2,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    client.ping()
                    # Whoever else took the port might answer while ours is dying.
                    if client.info("server")["process_id"] == process.pid:
                        return True
                except RedisError:
                    pass  # not there yet, or still loading
                time.sleep(_POLL_SECONDS)
        return False

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = self._folder = None


def free_port() -> int:
    """A TCP port of this machine that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
