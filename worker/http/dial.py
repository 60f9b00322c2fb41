"""From a name to a connection, by an address that was checked."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from worker.http.addresses import reach_of
from worker.http.lookup import Lookup

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.http.addresses import Reach
    from worker.http.lookup import Resolve

_WORDS = {
    frozenset({"public"}): "its address is not public, and it was not allowed private ones",
    frozenset({"private"}): "its address is not private, as it has to be without TLS",
}


class AddressRefused(OSError):  # noqa: N818 - names what happened, as the project's errors do
    """The host has no address that it may have; the text says so."""


class Dialler:
    """Makes connections to hosts, by addresses of certain reaches only.

    A name is resolved once a connection, and the connection is made to the very address that
    was checked: a name that changes its mind in between gains nothing.

    Args:
        reaches: which addresses are good.
        resolve: asks the resolver.
        make_socket: of an address family.
    """

    def __init__(
        self,
        reaches: frozenset[Reach],
        resolve: Resolve,
        make_socket: Callable[[socket.AddressFamily], socket.socket],
    ) -> None:
        self._reaches = reaches
        self._lookup = Lookup(resolve)
        self._make_socket = make_socket

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection to `host`; what is left of `seconds` is its time limit.

        Raises:
            AddressRefused: no address of `host` is a good one.
            OSError: it cannot be reached.
        """
        deadline = time.monotonic() + seconds
        found = self._lookup.addresses(host, port, seconds)
        good = [address for address in found if reach_of(address) in self._reaches]
        if not good:
            words = _WORDS.get(frozenset(reach.value for reach in self._reaches))
            raise AddressRefused(words or "no server may have an address like its own")
        for left in range(len(good), 0, -1):
            share = (deadline - time.monotonic()) / left
            try:
                sock = self._connect(good[-left], port, share)
            except OSError:
                if left == 1:
                    raise
            else:
                sock.settimeout(_positive(deadline - time.monotonic()))
                return sock
        raise AssertionError  # the last address was connected to, or raised

    def _connect(self, address: str, port: int, seconds: float) -> socket.socket:
        sock = self._make_socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            sock.settimeout(_positive(seconds))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds
