"""Resolving a name in bounded time. Which addresses are good ones is told in `dial.py`."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Resolve = Callable[[str, int], Sequence[str]]
    """The addresses of a host for connections to a port; OSError if there are none."""


def resolve(host: str, port: int) -> list[str]:
    """What this machine's resolver says, in its order.

    Raises:
        OSError: there is no such name, or nobody to ask.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Lookup:
    """Resolves names for any number of threads.

    The system's resolver cannot be interrupted, so it is asked in a thread of its own, which may
    outlive the question. Who asks meanwhile for the same name waits for the same answer: a
    resolver that hangs holds one thread. No answer is kept.

    Args:
        resolve: asks the resolver.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._under_way: dict[tuple[str, int], Future[Sequence[str]]] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """The addresses of `host`.

        Raises:
            TimeoutError: they were not known within `seconds`.
            OSError: there are none, or nobody to ask.
        """
        with self._lock:
            answer = self._under_way.get((host, port))
            if answer is None:
                answer = Future()
                threading.Thread(
                    target=self._ask, args=(host, port, answer), name="name lookup", daemon=True
                ).start()
                self._under_way[host, port] = answer  # if the thread could be started
        return answer.result(timeout=seconds)

    def _ask(self, host: str, port: int, answer: Future[Sequence[str]]) -> None:
        try:
            addresses = self._resolve(host, port)
        except Exception as error:  # noqa: BLE001 - those who wait for the answer get it
            self._forget(host, port)
            answer.set_exception(error)
        else:
            self._forget(host, port)
            answer.set_result(addresses)

    def _forget(self, host: str, port: int) -> None:
        """Before the answer is given, so that nobody gets an old one."""
        with self._lock:
            del self._under_way[host, port]
