"""A NAT on loopback that forgets connections, as routers and load balancers do."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_HOST = "127.0.0.1"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Nat:
    """Forwards connections to a port of this machine, and forgets those that were idle.

    A forgotten connection stays open at both ends. What its client sends next is answered with a
    reset, or swallowed.

    Args:
        target_port: where to.
        resets: whether it resets what it has forgotten; if not, it is silent.
        after: seconds without a byte in either direction after which it forgets.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        target_port: int,
        *,
        resets: bool,
        after: float = 1e9,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target_port
        self._resets = resets
        self._after = after
        self._clock = clock
        self._closing = threading.Event()
        self._forgotten = threading.Event()
        self._epoch = 0
        self._door = socket.create_server((_HOST, 0), backlog=256)
        self.port: int = self._door.getsockname()[1]
        self.url = f"http://{_HOST}:{self.port}"
        self.connections = 0
        self.lost = 0
        """Requests that were sent over a forgotten connection."""
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join()

    def forget(self) -> None:
        """Forget all present connections."""
        self._epoch += 1

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                self.connections += 1
                thread = threading.Thread(target=self._forward, args=(client, self._epoch))
                self._threads.append(thread)
                thread.start()

    def _forward(self, client: socket.socket, epoch: int) -> None:
        with client, suppress(OSError), socket.create_connection((_HOST, self._target)) as target:
            heard = self._clock()
            while not self._closing.is_set():
                for source in select.select([client, target], [], [], 0.05)[0]:
                    data = source.recv(65_536)
                    if self._epoch != epoch or self._clock() - heard > self._after:
                        if data and source is client:
                            self._lose(client)
                        return
                    (target if source is client else client).sendall(data)
                    heard = self._clock()
                    if not data:
                        return

    def _lose(self, client: socket.socket) -> None:
        self.lost += 1
        if self._resets:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        else:
            self._closing.wait()
