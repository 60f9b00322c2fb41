"""requests' adapter over connections of our own: checked addresses, bounded sockets.

It overrides what requests and urllib3 offer to subclasses, and one private name.
"""

import logging
import os
import ssl
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any, Self

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import Retry
from urllib3.connection import HTTPConnection, HTTPSConnection

from worker.http.dial import Dialler
from worker.http.exchange import BoundedTLSSocket, current_exchange

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# Their records quote URLs and headers, which may hold a secret.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Trust(ssl.SSLContext):
    """Trusted certificates that all threads share, and the sockets that rely on them.

    urllib3 sets ALPN anew before each handshake, while another thread's may be reading it.
    Without it, a server speaks HTTP/1.1, which is what we speak.
    """

    sslsocket_class = BoundedTLSSocket

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        """Do nothing: see above."""

    @classmethod
    def from_environment(cls) -> Self:
        """The certificates in `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, else certifi's.

        Raises:
            ValueError: they cannot be read.
        """
        named = filter(None, map(os.environ.get, _BUNDLES))
        bundle = next(named, DEFAULT_CA_BUNDLE_PATH)
        trust = cls(ssl.PROTOCOL_TLS_CLIENT)
        try:
            trust.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
        except OSError as error:
            raise ValueError(
                f"needs the certificates that {' or '.join(_BUNDLES)} names: {error.strerror}"
            ) from error
        return trust


class Connected(Exception):  # noqa: N818 - no error
    """The connection stands, and no more was wanted."""


class _Connection(HTTPConnection):
    """A connection made by a dialler; it sends a request's head and body as one."""

    def __init__(self, *args: Any, dialler: Dialler, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(*args, **kwargs)
        self._dialler = dialler
        self._held: list[bytes] | None = None  # what `request` sends at its end

    # The one private name: urllib3 has no public way to say which address to connect to, and with
    # what socket. All else, such as tunnels through proxies and TLS, stays its own.
    def _new_conn(self) -> socket:
        return self._dialler.connect(self.host, self.port, current_exchange())

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's
        """Send a request."""
        if self.sock is None:
            self.connect()
        if current_exchange().connects_only:
            raise Connected
        held: list[bytes] = []
        self._held = held
        try:
            super().request(*args, **kwargs)
        finally:
            self._held = None
        self.send(b"".join(held))

    def send(self, data: Any) -> None:  # noqa: ANN401 - what http.client sends
        """Send bytes, or hold them back while a request is put together."""
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)

    @property
    def is_connected(self) -> bool:
        """Whether it may carry another request: nothing is left over from the last one."""
        if not super().is_connected:
            return False
        # urllib3 asks the system whether there is more to read; OpenSSL may hold some too.
        return not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class Adapter(HTTPAdapter):
    """requests' adapter with our connections, for one server."""

    def __init__(self, dialler: Dialler, trust: ssl.SSLContext | None, connections: int) -> None:
        self._dialler = dialler
        self._trust = trust
        self._pool: Any = None
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self.max_retries = Retry(False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests'
        """Make the pools of connections without a proxy."""
        super().init_poolmanager(*args, ssl_context=self._trust, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401 - requests'
        """The pools of connections through `proxy`.

        Raises:
            InvalidSchema: it is a SOCKS proxy.
        """
        if proxy.lower().startswith("socks"):
            raise InvalidSchema("a SOCKS proxy's connections cannot be bounded in time")
        trust = self._trust
        return super().proxy_manager_for(
            proxy, ssl_context=trust, proxy_ssl_context=trust, **kwargs
        )

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - requests'
        """The pool of connections to the one server, found once."""
        if self._pool is None:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            kind = _TLSConnection if pool.scheme == "https" else _Connection
            pool.ConnectionCls = partial(kind, dialler=self._dialler)
            self._pool = pool
        return self._pool

    def close(self) -> None:
        """Close idle connections."""
        super().close()
        if self._pool is not None:
            self._pool.close()

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:  # noqa: ARG002, ANN401 - requests'
        """The response without cookies and encoding, which nobody reads: 15 us of an upload."""
        response = Response()
        response.raw = resp
        return response

    def cert_verify(self, *args: object) -> None:
        """Leave the pool as it is: whom to trust is in its context already."""
