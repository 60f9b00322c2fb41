"""Ends requests that take too long or whose lease is lost, whatever they wait for.

A socket's own time limit begins anew with each byte, so a server that drips
could hold a request for ever. One thread watches all requests of a client, and
shuts down the socket of the one that must end; its thread then finds out.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from worker.errors import LeaseLost
from worker.runtime.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.endpoint.limits import RequestLimits

_TICK = 0.5
_SOONEST = 0.01

_thread = threading.local()


class Overdue(TimeoutError):  # noqa: N818 - names what happened, as the project's errors do
    """The request as a whole took longer than it may."""


class Exchange:
    """A request under way.

    Attributes:
        limits: its limits.
        deadline: when it must be over, in monotonic seconds.
        verdict: why it was ended, once it was.
    """

    __slots__ = ("_may_send", "_sock", "deadline", "limits", "verdict")

    def __init__(
        self, limits: RequestLimits, started_at: float, may_send: Callable[[], bool]
    ) -> None:
        self.limits = limits
        self.deadline = started_at + limits.total
        self.verdict: type[Overdue | LeaseLost] | None = None
        self._may_send = may_send
        self._sock: socket.socket | None = None

    def attach(self, sock: socket.socket) -> None:
        """The request goes over `sock` from now on; end it there if it has to end."""
        self._sock = getattr(sock, "socket", sock)  # TLS inside TLS is no socket, but has one
        if self.verdict is not None:
            self._shut_down()

    def judge(self, now: float) -> type[Overdue | LeaseLost] | None:
        """Why the request must end; None while it may go on."""
        if not self._may_send():
            return LeaseLost
        return Overdue if now >= self.deadline else None

    def abort(self, verdict: type[Overdue | LeaseLost]) -> None:
        """End the request."""
        self.verdict = verdict  # before the socket is looked for: see `attach`
        self._shut_down()

    def _shut_down(self) -> None:
        if self._sock is not None:
            with suppress(OSError):  # it is closed, or has become a TLS socket that follows
                # A TLS socket's own `shutdown` first forgets its encryption: what the
                # request's thread sends in that moment would go out in clear.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


def current_exchange() -> Exchange:
    """The request that the running thread is at."""
    exchange: Exchange = _thread.exchange
    return exchange


class Watchdog:
    """Watches requests; any number of threads may use it.

    A request is ended at most half a second late, and one that waits for a name
    to be resolved or a connection to be made when that is over.

    Args:
        limits: of every request.
        monotonic: seconds that never go back.
    """

    def __init__(self, limits: RequestLimits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._running: set[Exchange] = set()
        self._lock = threading.Lock()
        self._loop = Loop("request watchdog", self.run_once)

    @contextmanager
    def watch(self, may_send: Callable[[], bool]) -> Iterator[None]:
        """Watch the request that the thread makes inside the block.

        Args:
            may_send: whether the request may go on; asked from another thread, so
                it must neither block nor raise.

        Raises:
            Overdue: the request was ended, for it took too long.
            LeaseLost: the request was ended, for `may_send` said no.
        """
        self._loop.start()  # here, so that it runs in whichever process makes requests
        exchange = Exchange(self._limits, self._monotonic(), may_send)
        _thread.exchange = exchange
        with self._lock:
            self._running.add(exchange)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(exchange)
            del _thread.exchange
            if exchange.verdict is not None:
                # What else was raised is its consequence, and may quote the response.
                raise exchange.verdict("the request was broken off") from None

    def run_once(self) -> float:
        """End the requests that must end; returns the seconds until the next look."""
        now = self._monotonic()
        with self._lock:
            running = list(self._running)
        pause = _TICK
        for exchange in running:
            if verdict := exchange.judge(now):
                with self._lock:  # its connection must not carry another request by now
                    if exchange in self._running:
                        exchange.abort(verdict)
            else:
                pause = min(pause, exchange.deadline - now)
        return max(pause, _SOONEST)

    def stop(self) -> None:
        """Stop watching, once no request is under way."""
        self._loop.stop()
