"""One decoder process, from the worker's side: start it, ask it, kill it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Final

from worker.images.decoder.messages import PREFIX, READY, Head
from worker.images.line import Proceed

_CHECK_SECONDS: Final = 0.1
_START_SECONDS: Final = 60.0
_LONGEST_HEAD: Final = 100_000  # bytes; a traceback is the longest
_PIECE: Final = 1 << 20

# A decoder sees no secret. One arena, and large blocks that go back to the system once they are
# free: else it would keep the memory of its largest image.
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_", "LD_", "PYTHON", "COVERAGE_")
_MEMORY: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "262144"}


class DecoderEnded(Exception):  # noqa: N818 - what an image did to it, not a defect here
    """The process ended, or had to be ended, before it answered.

    Attributes:
        is_late: because it took too long.
    """

    def __init__(self, reason: str, *, is_late: bool = False) -> None:
        super().__init__(reason)
        self.is_late = is_late


class DecoderProcess:
    """A running decoder; for one thread at a time.

    Args:
        memory: bytes that it may take for an image.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, memory: int) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        with theirs, ExitStack() as on_error:
            on_error.callback(ours.close)
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *(sys.executable, "-P", "-m", "worker.images.decoder.child"),
                    *(str(descriptor), str(memory)),
                ],
                stdin=subprocess.PIPE,  # its end is ours: see `child.py`
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(os.environ),
                pass_fds=(descriptor,),
            )
            on_error.pop_all()
        self.pid = self._process.pid
        self.images = 0
        self._is_ready = False

    def ask(
        self, message: Iterable[bytes], longest: int, seconds: float, proceed: Proceed
    ) -> tuple[Head, bytes]:
        """Send a message and wait for the answer.

        Args:
            message: in pieces.
            longest: bytes that the answer's body may have.
            seconds: how long to wait.
            proceed: called meanwhile; what it raises ends that.

        Raises:
            DecoderEnded: the process died, or the time is over. End it.
            RuntimeError: it did not start.
        """
        if not self._is_ready:
            try:
                self._is_ready = self._read(1, time.monotonic() + _START_SECONDS, proceed) == READY
            except DecoderEnded as ended:
                raise RuntimeError(f"a decoder did not start: {ended}") from ended
        self.images += 1
        until = time.monotonic() + seconds
        for piece in message:
            self._write(piece, until, proceed)
        head_length, length = PREFIX.unpack(self._read(PREFIX.size, until, proceed))
        if head_length > _LONGEST_HEAD or length > longest:
            raise DecoderEnded("its answer is too long")
        head: Head = json.loads(self._read(head_length, until, proceed))
        return head, self._read(length, until, proceed)

    @property
    def is_idle(self) -> bool:
        """Whether it lives, and waits to be asked."""
        return not self._is_ready or not self._poll(select.POLLIN, 0.0)

    def end(self) -> None:
        """Kill it; an answer that it owes is lost."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _write(self, data: bytes, until: float, proceed: Proceed) -> None:
        left = memoryview(data)
        while left:
            self._wait(select.POLLOUT, until, proceed)
            try:
                left = left[self._socket.send(left[:_PIECE]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._died() from error

    def _read(self, length: int, until: float, proceed: Proceed) -> bytes:
        read = bytearray()
        while len(read) < length:
            self._wait(select.POLLIN, until, proceed)
            try:
                piece = self._socket.recv(min(_PIECE, length - len(read)))
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._died() from error
            if not piece:
                raise self._died()
            read += piece
        return bytes(read)

    def _wait(self, event: int, until: float, proceed: Proceed) -> None:
        while not self._poll(event, _CHECK_SECONDS):
            proceed()
            if time.monotonic() > until:
                raise DecoderEnded("it did not answer in time", is_late=True)

    def _poll(self, event: int, seconds: float) -> bool:
        poll = select.poll()  # and not `select`, which knows no more than 1,024 descriptors
        poll.register(self._socket, event)
        return bool(poll.poll(1_000 * seconds))

    def _died(self) -> DecoderEnded:
        self._process.kill()  # it closed its socket: nothing else is left to do
        code = self._process.wait()
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return DecoderEnded(f"it died: {reason}", is_late=code == -signal.SIGXCPU)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in ours.items() if name.startswith(_KEPT)} | _MEMORY
