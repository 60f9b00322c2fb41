"""Bounds one request in time: the sockets of this room ask it before and while they wait.

A socket's own timeout starts anew with each byte, so a server that drips could hold a thread
forever. These sockets wait in slices of half a second instead, and check the request's limits
and the caller's lease between them.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self, TypeVar

T = TypeVar("T")

SLICE = 0.5
"""Seconds of one wait of a socket."""
_BLOCK = 1 << 18
_TLS_BLOCK = 1 << 14
"""Bytes of a request that are sent between two checks: over TLS, one record."""

_thread = threading.local()


class Overdue(TimeoutError):  # noqa: N818 - names what happened, as the project's errors do
    """The request as a whole took longer than it may."""


class GivenUp(TimeoutError):  # noqa: N818 - the same as above
    """The system gave the connection up, since the other side acknowledges nothing."""


class NotSent(Exception):  # noqa: N818 - names what happened, as the project's errors do
    """The caller's `before_sending` raised `error`.

    No library on the way up takes this for a failure of the connection, as it would an OSError.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may take; times are seconds.

    Attributes:
        connect: for each of the host's addresses, and again for the TLS handshake.
        read: without a byte received, or taken by the other side.
        total: for the whole request, from resolving the name to the last byte that is read.
        response_bytes: of an endpoint's response body that are read; the rest is left.
    """

    connect: float = 5.0
    read: float = 30.0
    total: float = 30.0
    response_bytes: int = 65_536

    def within(self, seconds: float | None) -> Self:
        """The same, but at most `seconds` for the whole request; None changes nothing."""
        if seconds is None or seconds >= self.total:
            return self
        return replace(self, total=round(seconds, 2))


class Exchange:
    """One request and its answer, made by the thread that enters the `with` block.

    Args:
        limits: of this request.
        check: returns if the request may go on, and raises if not. It must not block.
        before_sending: called before the first block of the request, each time that it is sent. It
            may block; what it raises ends the request.
        connects_only: nothing is sent once the connection stands.
        clock: seconds that never go back.

    Attributes:
        needs_new: no connection that was used before may carry it.
        is_reused: its connection was used before.
        is_heard: something of an answer was received.
        is_framed: the head of the answer says where its body ends.
    """

    __slots__ = (
        "_before_sending",
        "_check",
        "_deadline",
        "clock",
        "connects_only",
        "is_framed",
        "is_heard",
        "is_reused",
        "limits",
        "needs_new",
    )

    def __init__(
        self,
        limits: RequestLimits,
        check: Callable[[], None] = lambda: None,
        *,
        before_sending: Callable[[], None] = lambda: None,
        connects_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._before_sending = before_sending
        self.connects_only = connects_only
        self.clock = clock
        self.needs_new = False
        self.is_reused = False
        self.is_heard = False
        self.is_framed = True
        self._check = check
        self._deadline = clock() + limits.total

    def __enter__(self) -> Self:
        _thread.exchange = self
        return self

    def __exit__(self, *_: object) -> None:
        del _thread.exchange

    def before_sending(self) -> None:
        """Ask the caller, before the first block is sent.

        Raises:
            NotSent: the caller raised; holds the error.
        """
        try:
            self._before_sending()
        except Exception as error:
            raise NotSent(error) from error

    def left(self) -> float:
        """Seconds until the deadline.

        Raises:
            Overdue: there are none.
        """
        left = self._deadline - self.clock()
        if left <= 0:
            raise Overdue("the request took too long")
        return left

    def wait(self, sock: socket.socket, operation: Callable[[], T], seconds: float) -> T:
        """Call `operation`, one of `sock`'s, until it is done.

        Raises:
            Overdue: the deadline passed.
            TimeoutError: it was not done within `seconds`.
            GivenUp: the connection is lost.
            Exception: what `check` raised.
        """
        give_up = self.clock() + seconds
        while True:
            self._check()
            left = min(self.left(), SLICE, give_up - self.clock())
            if left <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(left)
            try:
                return operation()
            except TimeoutError as error:
                if error.errno is not None:  # TCP gave up, not our slice
                    raise GivenUp(error.errno, error.strerror) from error


def current_exchange() -> Exchange:
    """The request that the running thread makes."""
    exchange: Exchange = _thread.exchange
    return exchange


class BoundedSocket(socket.socket):
    """A socket that waits as its thread's `Exchange` allows, whatever timeout is set.

    To set a socket's timeout is a system call, and with many threads each one is a change of
    thread. So it is set only where it differs.
    """

    _block = _BLOCK

    def settimeout(self, value: float | None) -> None:
        """Set the timeout of one wait, in seconds."""
        if self.gettimeout() != value:
            super().settimeout(value)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive as any socket does, within the request's limits."""
        return self._hear(partial(super().recv, buflen, flags))

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 - as in `socket`
        """Receive as any socket does, within the request's limits."""
        return self._hear(partial(super().recv_into, buffer, nbytes or len(buffer), flags))

    def sendall(self, data: Any, flags: int = 0) -> None:  # noqa: ANN401, ARG002 - as in `socket`
        """Send as any socket does, within the request's limits, and check before each block.

        A process that was stopped while it waited for room, and has lost its lease meanwhile,
        sends nothing more; over TLS no more than the rest of one record.
        """
        send = super().send
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                self._wait_for_room()
                sent += self._wait(partial(send, view[sent : sent + self._block]))

    def _wait_for_room(self) -> None:
        room = select.poll()
        room.register(self, select.POLLOUT)

        def wait() -> None:
            if not room.poll(1_000 * (self.gettimeout() or 0.0)):
                raise TimeoutError

        self._wait(wait)

    def _hear(self, operation: Callable[[], T]) -> T:
        received = self._wait(operation)
        if received:
            current_exchange().is_heard = True
        return received

    def _wait(self, operation: Callable[[], T]) -> T:
        exchange = current_exchange()
        return exchange.wait(self, operation, exchange.limits.read)


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS."""

    _block = _TLS_BLOCK

    def _wait_for_room(self) -> None:
        """A record needs little room, so to send one may wait by itself."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - as in `ssl`
        """Shake hands within the limit for connecting."""
        exchange = current_exchange()
        exchange.wait(self, super().do_handshake, exchange.limits.connect)
