"""Sends prepared requests to one server, on requests' adapter.

What requests' `Session` adds (redirects, cookies, `.netrc`, the environment read for each
request) must not happen here, and takes as long as all the rest.
"""

from __future__ import annotations

import io
import logging
import os
import ssl
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import Request
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies
from urllib3 import Retry
from urllib3.connection import HTTPConnection, HTTPSConnection

from worker.http.addresses import Reach, check_host
from worker.http.dial import Dialler
from worker.http.dial import resolve as ask_system
from worker.http.exchange import BoundedTLSSocket, Exchange, RequestLimits, current_exchange
from worker.http.faults import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from socket import socket

    from requests import PreparedRequest, Response

    from worker.http.dial import Resolve

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# They tell URLs, headers and what is wrong with them, which may hold a secret.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Answer:
    """What a server answered, its body not read yet.

    Attributes:
        status: HTTP status.
        headers: looked up in any case.
        announced: how many bytes the body has, if the server says so.
    """

    def __init__(self, response: Response, limits: RequestLimits) -> None:
        self._raw = response.raw
        self._limits = limits
        self.status: int = response.raw.status
        self.headers: Mapping[str, str] = response.raw.headers
        self.announced: int | None = response.raw.length_remaining

    def read(self, at_most: int) -> bytes:
        """The first bytes of the body as they came over the wire, whatever size it claims.

        Raises:
            NoAnswer: it ends too early, takes too long, or cannot be read.
        """
        body = io.BytesIO()
        if self.status < 200:  # noqa: PLR2004 - 1xx has no body, and another answer may follow
            return b""
        with mapped(self._limits):
            while (more := at_most - body.tell()) > 0:
                piece = self._raw.read1(more, decode_content=False)
                body.write(piece)
                if not piece or self._raw.length_remaining == 0:
                    break
        return body.getvalue()


class HttpClient:
    """Sends requests to one server. Any number of threads may share one.

    Args:
        url: http or https, with no user or fragment; where the server is.
        limits: of each request.
        connections: how many idle ones are kept.
        reaches: which addresses the server may have, public ones never over plain http; None
            for any address. With them no proxy is used: it would resolve names by itself.
        resolve: the addresses of a host for connections to a port; OSError if there are none.

    Raises:
        ValueError: the host is itself an address of another reach, or the trusted
            certificates cannot be read.
    """

    def __init__(
        self,
        url: str,
        limits: RequestLimits,
        *,
        connections: int,
        reaches: frozenset[Reach] | None = None,
        resolve: Resolve = ask_system,
    ) -> None:
        parts = urlsplit(url)
        if reaches is not None:
            if parts.scheme == "http":
                reaches -= {Reach.PUBLIC}
            check_host(parts.hostname or "", reaches)
        self._limits = limits
        self._proxies = get_environ_proxies(url) if reaches is None else {}
        needs_trust = parts.scheme == "https" or bool(self._proxies)
        trust = _read_trust(os.environ) if needs_trust else None
        self._adapter = _Adapter(Dialler(reaches, resolve), trust, connections)
        self._url = url

    @contextmanager
    def send(
        self,
        request: PreparedRequest,
        check: Callable[[], None] = lambda: None,
        *,
        connects_only: bool = False,
    ) -> Iterator[Answer]:
        """Send `request` once; no redirect is followed.

        The connection is kept for another request if the block reads the answer to its end.

        Args:
            request: to this server.
            check: returns if the request may go on, and raises if not; called before each block
                is sent, and every half second while something is awaited. It must not block.
            connects_only: see `reach`.

        Raises:
            NoAnswer: there is none, or not in time.
            Exception: what `check` raised; nothing more is sent then.
        """
        with Exchange(self._limits, check, connects_only=connects_only):
            with mapped(self._limits):
                response = self._adapter.send(request, stream=True, proxies=self._proxies)
            try:
                yield Answer(response, self._limits)
            finally:
                response.close()

    def reach(self) -> None:
        """Connect as for a request, through a proxy and TLS too, and send none.

        Raises:
            NoAnswer: the server cannot be reached.
        """
        try:
            with self.send(Request("GET", self._url).prepare(), connects_only=True):
                pass
        except _Connected:
            pass

    def close(self) -> None:
        """Close idle connections; for when no request is under way."""
        self._adapter.close()


class _Connected(Exception):  # noqa: N818 - no error
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
            raise _Connected
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


class _Adapter(HTTPAdapter):
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

    def cert_verify(self, *args: object) -> None:
        """Leave the pool as it is: whom to trust is in its context already."""


class _Trust(ssl.SSLContext):
    """Trusted certificates that all threads share, and the sockets that rely on them.

    urllib3 sets ALPN anew before each handshake, while another thread's may be reading it.
    Without it, a server speaks HTTP/1.1, which is what we speak.
    """

    sslsocket_class = BoundedTLSSocket

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        """Do nothing: see above."""


def _read_trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The certificates in `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, else certifi's.

    Raises:
        ValueError: they cannot be read.
    """
    bundle = next((environ[name] for name in _BUNDLES if environ.get(name)), DEFAULT_CA_BUNDLE_PATH)
    trust = _Trust(ssl.PROTOCOL_TLS_CLIENT)
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
