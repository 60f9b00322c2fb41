"""Sockets with one time limit for a whole read, and urllib3's connections over them."""

from __future__ import annotations

import math
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.http.dial import Dialler

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class TimedSocket(socket.socket):
    """A socket whose time limit holds for all reads together until it is set anew.

    That of others begins anew with each byte, so that a server which drips could hold a thread
    for ever.
    """

    _deadline = math.inf

    def settimeout(self, seconds: float | None) -> None:
        """Limit all that comes to `seconds` from now."""
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds
        super().settimeout(seconds)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - passed on as they are
        """As of any socket.

        Raises:
            TimeoutError: the time is over.
        """
        if self._deadline < math.inf:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            super().settimeout(left)
        return super().recv_into(*args, **kwargs)


class _TimedTLSSocket(TimedSocket, ssl.SSLSocket):
    pass


def make_socket(family: socket.AddressFamily) -> TimedSocket:
    """A TCP socket with a time limit for the whole of a read."""
    return TimedSocket(family, socket.SOCK_STREAM)


class Trust(ssl.SSLContext):
    """Trusted certificates that all threads share, and the sockets that rely on them.

    urllib3 sets ALPN anew before each handshake, while another thread's may be reading it.
    Without it, a server speaks HTTP/1.1, which is what we speak.
    """

    sslsocket_class = _TimedTLSSocket

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        """Nothing: see above."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Trust:
        """The certificates that the endpoint is trusted by too.

        Those in `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, else certifi's.

        Raises:
            ValueError: they cannot be read.
        """
        bundle = next(
            (environ[name] for name in _BUNDLES if environ.get(name)), DEFAULT_CA_BUNDLE_PATH
        )
        trust = cls(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if Path(bundle).is_dir():
                trust.load_verify_locations(capath=bundle)
            else:
                trust.load_verify_locations(cafile=bundle)
        except OSError as error:
            raise ValueError(
                f"needs the certificates that {' or '.join(_BUNDLES)} names: {error.strerror}"
            ) from error
        return trust


class _Connection(HTTPConnection):
    """A connection that a dialler makes."""

    def __init__(self, *args: Any, dialler: Dialler, **kwargs: Any) -> None:  # noqa: ANN401 - the same
        super().__init__(*args, **kwargs)
        self._dialler = dialler

    def _new_conn(self) -> socket.socket:
        return self._dialler.connect(self.host, self.port, self.timeout or 0)

    @property
    def is_connected(self) -> bool:
        """Whether it may carry another request: nothing is left over from the last one."""
        if not super().is_connected:
            return False
        # urllib3 asks whether there is more to read from the system; OpenSSL may hold some too.
        return not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def make_pool(
    host: str, port: int | None, *, trust: Trust | None, dialler: Dialler, size: int
) -> HTTPConnectionPool:
    """Connections to `host`, of which `size` are kept open.

    Args:
        host: a name or an address.
        port: None for the scheme's own.
        trust: whom to trust; None for plain HTTP.
        dialler: makes each connection.
        size: how many threads there may be; more can be served, at the cost of reconnecting.
    """
    if trust is None:
        return _Pool(host, port, maxsize=size, dialler=dialler)
    return _TLSPool(host, port, maxsize=size, dialler=dialler, ssl_context=trust)
