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
from urllib3.response import HTTPResponse

from worker.http.dial import Dialler
from worker.http.exchange import BoundedTLSSocket, current_exchange
from worker.http.head import OrderedResponse

IDLE_LIMIT = 5.0
"""Seconds without a request after which a connection is not used again.

A load balancer or a NAT forgets idle connections, and the shortest times known are some seconds.
A new connection costs a request a fraction of a second, a forgotten one all of its time. Under
load connections are idle for less.
"""

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

    response_class = OrderedResponse

    def __init__(self, *args: Any, dialler: Dialler, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(*args, **kwargs)
        self._dialler = dialler
        self._held: list[bytes] | None = None  # what `request` sends at its end
        self._answered_at: float | None = None  # on the connection that stands

    # The one private name: urllib3 has no public way to say which address to connect to, and with
    # what socket. All else, such as tunnels through proxies and TLS, stays its own.
    def _new_conn(self) -> socket:
        self._answered_at = None
        return self._dialler.connect(self.host, self.port, current_exchange())

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's
        """Send a request."""
        if self.sock is None:
            self.connect()
        exchange = current_exchange()
        if exchange.connects_only:
            raise Connected
        exchange.is_reused = self._answered_at is not None
        held: list[bytes] = []
        self._held = held
        try:
            super().request(*args, **kwargs)
        finally:
            self._held = None
        exchange.before_sending()
        self.send(b"".join(held))

    def send(self, data: Any) -> None:  # noqa: ANN401 - what http.client sends
        """Send bytes, or hold them back while a request is put together."""
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        """Read the head of the answer."""
        response = super().getresponse()
        self._answered_at = current_exchange().clock()
        return response

    @property
    def is_connected(self) -> bool:
        """Whether it may carry another request.

        It may if nothing is left over from the last one, and it was not idle for so long that
        something between here and the server may have forgotten it.
        """
        exchange = current_exchange()
        if exchange.needs_new or not super().is_connected:
            return False
        if exchange.clock() - (self._answered_at or 0.0) > IDLE_LIMIT:
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

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:  # noqa: ANN401 - requests'
        """What stands after the method. requests makes one slash of several at its beginning."""
        return request.path_url if not proxies else super().request_url(request, proxies)

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:  # noqa: ARG002, ANN401 - requests'
        """The response without cookies and encoding, which nobody reads: 15 us of an upload."""
        response = Response()
        response.raw = resp
        return response

    def cert_verify(self, *args: object) -> None:
        """Leave the pool as it is: whom to trust is in its context already."""
