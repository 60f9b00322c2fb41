"""One subscription for everything in a process that waits for changes of jobs and batches.

A thread reads it. It starts with the first listener, ends with the last, and is the only one that
uses its connection. Threads and event loops that wait tell it their channels.

No change is missed: a listener is notified when Redis confirms its channel, and reads the state
after that. When the connection is lost, all channels are subscribed again and confirmed again.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from redis import Redis, exceptions

from facelift.errors import LedgerRefused, LedgerUnavailable
from facelift.ledger.connection import translated
from facelift.ledger.forks import forget_after_fork
from facelift.ledger.limits import limiting

_CHANNELS_A_COMMAND = 1_000
_PAUSES = 0.05, 1.0  # seconds between two attempts to connect: the first, and the longest
_SILENCE = 5.0  # seconds until a connection that brings nothing is tried by a PING
_ANSWER = 5.0  # seconds for its answer
_LOOK = 0.01  # seconds between two looks at a connection that has no socket, such as a fake's


class Listener:
    """Waits for one channel.

    Args:
        notify: called from the reading thread; returns at once.

    Attributes:
        refused: why Redis does not let it listen.
    """

    __slots__ = ("notify", "refused")

    def __init__(self, notify: Callable[[], object]) -> None:
        self.notify = notify
        self.refused: LedgerRefused | None = None


class Subscription:
    """The channels of all listeners, on one connection; safe to share among threads.

    Args:
        redis: a client made with `decode_responses=True`; the connection is made as its are, and
            is none of its pool.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        """Begin anew, in a forked child: threads and listeners are its parent's."""
        # A generator that waited may be collected, and leave, wherever its thread is just then.
        self._lock = threading.RLock()
        self._listeners: dict[str, set[Listener]] = {}
        self._confirmed: set[str] = set()
        self._changed: set[str] = set()
        self._bell: _Bell | None = None

    @contextmanager
    def listening(self, channel: str, listener: Listener) -> Iterator[None]:
        """Inside the block, notify the listener when its channel is subscribed, and of changes."""
        with self._lock:
            self._listeners.setdefault(channel, set()).add(listener)
            if channel in self._confirmed:
                listener.notify()
            else:
                self._change(channel)
        try:
            yield
        finally:
            with self._lock:
                listeners = self._listeners.get(channel, set())
                listeners.discard(listener)
                if not listeners and self._listeners.pop(channel, None) is not None:
                    self._change(channel)

    def _change(self, channel: str) -> None:
        self._changed.add(channel)
        if self._bell is None:
            self._bell = _Bell()
            # A thread that reads does not keep a program from ending.
            threading.Thread(
                target=self._run, args=(self._bell,), name="facelift-notifications", daemon=True
            ).start()
        self._bell.ring()

    def _run(self, bell: "_Bell") -> None:
        pause, longest = _PAUSES
        try:
            while self._is_needed():
                began = time.monotonic()
                try:
                    with translated():
                        self._listen(bell)
                except LedgerRefused as error:
                    self._refuse(error)
                except LedgerUnavailable:
                    pass
                else:
                    continue
                if time.monotonic() - began > longest + _ANSWER:
                    pause = _PAUSES[0]
                time.sleep(pause)
                pause = min(2 * pause, longest)
        finally:  # also if it ends by an error that nobody expected: the next listener starts anew
            with self._lock:
                if self._bell is bell:
                    self._bell = None
            bell.close()

    def _is_needed(self) -> bool:
        """Whether there are listeners; if not, the next one starts another thread."""
        with self._lock:
            if not self._listeners:
                self._bell = None
            return bool(self._listeners)

    def _listen(self, bell: "_Bell") -> None:
        """Read notifications until nobody listens."""
        pool: Any = self._redis.connection_pool
        connection = limiting(pool.connection_class)(**pool.connection_kwargs)
        sent = set[str]()
        with self._lock:
            self._changed.update(self._listeners)
        try:
            connection.connect()
            with _Readiness(connection, bell) as readiness:
                heard, asked = time.monotonic(), False
                while self._send_changes(connection, sent, bell):
                    is_ready = readiness.wait(_ANSWER if asked else _SILENCE)
                    now = time.monotonic()
                    if is_ready:
                        heard, asked = now, False
                        while connection.can_read(timeout=0):
                            self._take(connection.read_response(push_request=True))
                    elif asked and now - heard >= _SILENCE + _ANSWER:
                        raise exceptions.TimeoutError("no answer to a PING")
                    elif not asked and now - heard >= _SILENCE:
                        connection.send_command("PING", check_health=False)
                        asked = True
        finally:
            with self._lock:
                self._confirmed.clear()
            connection.disconnect()

    def _send_changes(self, connection: Any, sent: set[str], bell: "_Bell") -> bool:  # noqa: ANN401 - redis-py's
        """Subscribe and unsubscribe what has changed; False if nobody listens any more."""
        with self._lock:
            bell.silence()
            if not self._listeners:
                return False
            wanted, old = list[str](), list[str]()
            changed, self._changed = self._changed, set()
            for channel in changed:
                if channel in self._listeners:
                    if channel not in sent:
                        wanted.append(channel)
                elif channel in sent:
                    old.append(channel)
            self._confirmed.difference_update(old)
        sent.update(wanted)
        sent.difference_update(old)
        for command, channels in (("SUBSCRIBE", wanted), ("UNSUBSCRIBE", old)):
            for at in range(0, len(channels), _CHANNELS_A_COMMAND):
                some = channels[at : at + _CHANNELS_A_COMMAND]
                connection.send_command(command, *some, check_health=False)
        return True

    def _take(self, response: Any) -> None:  # noqa: ANN401 - redis-py's
        if not isinstance(response, list) or response[0] not in {"subscribe", "message"}:
            return
        kind, channel = response[0], response[1]
        with self._lock:
            listeners = tuple(self._listeners.get(channel, ()))
            if kind == "subscribe" and listeners:
                self._confirmed.add(channel)
            for listener in listeners:
                listener.notify()

    def _refuse(self, error: LedgerRefused) -> None:
        with self._lock:
            for listeners in tuple(self._listeners.values()):
                for listener in tuple(listeners):
                    listener.refused = error
                    listener.notify()


class _Bell:
    """Wakes the reading thread."""

    def __init__(self) -> None:
        self.socket, self._ringer = socket.socketpair()
        self.socket.setblocking(False)
        self._is_ringing = False

    def ring(self) -> None:
        if not self._is_ringing:
            self._is_ringing = True
            self._ringer.send(b"\0")

    def silence(self) -> None:
        self._is_ringing = False
        with suppress(BlockingIOError):
            self.socket.recv(8)

    def close(self) -> None:
        self.socket.close()
        self._ringer.close()


class _Readiness:
    """Waits until a connection has something to read, or the bell rings."""

    def __init__(self, connection: Any, bell: _Bell) -> None:  # noqa: ANN401 - redis-py's
        self._connection = connection
        self._has_socket = isinstance(connection.socket, socket.socket)
        self._selector = selectors.DefaultSelector()
        self._selector.register(bell.socket, selectors.EVENT_READ)
        if self._has_socket:
            self._selector.register(connection.socket, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()

    def wait(self, seconds: float) -> bool:
        """Whether there is something to read."""
        if not self._has_socket:
            return bool(self._connection.can_read(timeout=_LOOK))
        ready = self._selector.select(seconds)
        return any(key.fileobj is self._connection.socket for key, _ in ready)
