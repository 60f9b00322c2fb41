"""Connects to a host by an address that was checked, so that DNS rebinding has no effect."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from worker.http.addresses import Reach, is_metadata, reach_of
from worker.http.exchange import BoundedSocket, Exchange

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host for connections to a port; OSError if there are none."""

_WORDS = {
    frozenset({"public"}): "its address is not public, and it was not allowed private ones",
    frozenset({"private"}): "its address is not private, as it has to be without TLS",
}

# So that nothing on the way forgets a connection on which an answer is awaited, and one whose
# other end has gone is found out.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, option, value)
        for name, value in (
            ("TCP_KEEPIDLE", 5),  # seconds
            ("TCP_KEEPALIVE", 5),  # the same on macOS
            ("TCP_KEEPINTVL", 5),  # seconds
            ("TCP_KEEPCNT", 4),
        )
        if (option := getattr(socket, name, None)) is not None
    ),
]


class AddressRefused(OSError):  # noqa: N818 - names what happened, as the project's errors do
    """The host has no address that it may have; the text says so."""


class NotConnected(OSError):  # noqa: N818 - the same as above
    """None of the host's addresses could be connected to."""


class ConnectTimedOut(TimeoutError):  # noqa: N818 - the same as above
    """The host's last address took no connection in time."""


class Dialler:
    """Makes connections to hosts, by addresses of certain reaches only.

    Args:
        reaches: which addresses are allowed; None for all but those of clouds' metadata.
        resolve: asks the resolver.
        make_socket: of an address family.
    """

    def __init__(
        self,
        reaches: frozenset[Reach] | None,
        resolve: Resolve,
        make_socket: Callable[[socket.AddressFamily], socket.socket] = BoundedSocket,
    ) -> None:
        self._reaches = reaches
        self._lookup = Lookup(resolve)
        self._make_socket = make_socket

    def connect(self, host: str, port: int, exchange: Exchange) -> socket.socket:
        """A connection to `host`, made within the limits of `exchange`.

        The name is resolved once a connection, and the very address that was checked is
        connected to.

        Raises:
            AddressRefused: no address of `host` is allowed.
            Overdue, TimeoutError: it took too long.
            OSError, UnicodeError: the name cannot be resolved, or the host not be reached.
        """
        addresses = self._allowed(self._lookup.addresses(host, port, exchange.left()))
        failed = OSError()
        for others, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
            seconds = min(exchange.limits.connect, exchange.left() / (others + 1))
            try:
                return self._connect(address, port, seconds)
            except OSError as error:
                failed = error
        exchange.left()
        if isinstance(failed, TimeoutError):
            raise ConnectTimedOut("timed out") from failed
        # Without its number, by which urllib3 takes some for an early answer.
        raise NotConnected(None, failed.strerror) from failed

    def _allowed(self, found: Sequence[str]) -> Sequence[str]:
        if self._reaches is None:
            good = [address for address in found if not is_metadata(address)]
            if not good:
                raise AddressRefused("its address is a cloud's metadata service, or link-local")
            return good
        good = [address for address in found if reach_of(address) in self._reaches]
        if not good:
            words = _WORDS.get(frozenset(reach.value for reach in self._reaches))
            raise AddressRefused(words or "no server may have an address like its own")
        return good

    def _connect(self, address: str, port: int, seconds: float) -> socket.socket:
        sock = self._make_socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            sock.settimeout(seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for level, option, value in _KEEPALIVE:
                sock.setsockopt(level, option, value)
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock


def resolve(host: str, port: int) -> list[str]:
    """What this machine's resolver says, in its order.

    Raises:
        OSError: there is no such name, or no resolver that answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Lookup:
    """Resolves names in bounded time, for any number of threads.

    The system's resolver cannot be interrupted, so each name is resolved in a thread of its own,
    which may outlive the caller. Callers of the same name share that thread: a resolver that
    hangs holds one. No answer is kept.

    Args:
        resolve: asks the resolver.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._pending: dict[tuple[str, int], Future[Sequence[str]]] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """The addresses of `host`.

        Raises:
            TimeoutError: they were not known within `seconds`.
            OSError: there are none, or no resolver that answers.
        """
        with self._lock:
            answer = self._pending.get((host, port))
            if answer is None:
                answer = Future()
                threading.Thread(
                    target=self._ask, args=(host, port, answer), name="name lookup", daemon=True
                ).start()
                self._pending[host, port] = answer  # if the thread could be started
        return answer.result(timeout=seconds)

    def _ask(self, host: str, port: int, answer: Future[Sequence[str]]) -> None:
        try:
            addresses = self._resolve(host, port)
        except Exception as error:  # noqa: BLE001 - the callers get it
            self._forget(host, port)
            answer.set_exception(error)
        else:
            self._forget(host, port)
            answer.set_result(addresses)

    def _forget(self, host: str, port: int) -> None:
        """Before the answer is given, so that nobody gets an old one."""
        with self._lock:
            del self._pending[host, port]
