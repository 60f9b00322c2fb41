"""Time limits of whole calls: connection, handshake, repeated attempts and answer together.

redis-py limits each step by itself, so that a call may take as many times its timeout as it has
steps and attempts. Here a call begins when it takes a connection from the pool. What is left of its
time then limits every step, and no attempt begins when none is left.
"""

import time
from functools import cache
from queue import Empty, LifoQueue
from typing import Any

from redis import BlockingConnectionPool, exceptions

from facelift.ledger.time_left import LIMITS


def seconds_left() -> float | None:
    """How long this thread's call may still take; None without a limit.

    Raises:
        redis.exceptions.TimeoutError: no time is left.
    """
    if LIMITS.call is None:
        return None
    left = LIMITS.call - time.monotonic()
    if left <= 0:
        raise exceptions.TimeoutError("no answer in time")
    return left


class LimitedPool(BlockingConnectionPool):
    """Connections whose calls have `call_timeout` seconds each.

    When all `max_connections` are in use, a call waits for one; this counts as its time too.
    """

    def __init__(self, *, call_timeout: float, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        self._call_timeout = call_timeout
        super().__init__(timeout=call_timeout, queue_class=_Idle, **options)  # type: ignore[no-untyped-call] # redis-py is partly untyped

    def get_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        """Begin a call; see `ConnectionPool`."""
        end = time.monotonic() + self._call_timeout
        LIMITS.call = end if LIMITS.block is None else min(end, LIMITS.block)
        try:
            return super().get_connection(*args, **options)  # type: ignore[no-untyped-call] # redis-py is partly untyped
        except BaseException:
            LIMITS.call = None
            raise

    def release(self, connection: Any) -> None:  # noqa: ANN401 - redis-py's
        """End a call; see `ConnectionPool`."""
        LIMITS.call = None
        super().release(connection)  # type: ignore[no-untyped-call] # redis-py is partly untyped


class _Idle(LifoQueue[Any]):
    """The idle connections of a pool."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401, FBT001, FBT002 - the queue's signature
        try:
            return super().get(block, seconds_left() or timeout)
        except Empty:
            raise exceptions.ConnectionError(
                f"all {self.maxsize} connections were in use; see FACELIFT_MAX_CONNECTIONS"
            ) from None


@cache
def limiting(kind: Any) -> Any:  # noqa: ANN401 - redis-py's classes, by the URL's scheme
    """Connections whose steps take no longer than is left of the call."""

    class Connection(kind):  # type: ignore[misc] # a class that is known when it runs
        def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's
            super().__init__(**options)
            own: Any = self
            self._patience: float = own.socket_timeout
            self._connect_patience: float = own.socket_connect_timeout or self._patience

        def _connect(self) -> Any:  # noqa: ANN401 - a socket
            if (left := seconds_left()) is not None:
                self.socket_timeout = min(self._patience, left)
                self.socket_connect_timeout = min(self._connect_patience, left)
            self.socket = super()._connect()
            return self.socket

        def send_packed_command(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - redis-py's
            seconds_left()
            super().send_packed_command(*args, **options)

        def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
            if (left := seconds_left()) is not None:
                self.socket.settimeout(min(self._patience, left))
            return super().read_response(*args, **options)

    return Connection
