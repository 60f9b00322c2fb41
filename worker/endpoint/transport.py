"""How bytes get to the endpoint and back: connections, and whom they trust.

requests finds the way once, through proxies and all; each request then is urllib3's alone. What
requests adds to one (redirects, cookies, `.netrc`, the environment read anew) is what must not
happen here, and takes as long as all the rest.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from requests import Request, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

from worker.endpoint.watchdog import current_exchange

if TYPE_CHECKING:
    from socket import socket

    from urllib3 import BaseHTTPResponse, HTTPResponse

    from worker.endpoint.form import UploadRequest
    from worker.endpoint.limits import RequestLimits

_ONCE = Retry(total=False)

# Its warnings quote headers that it cannot parse, and those may quote our key.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _Connection(HTTPConnection):
    """A connection that the watchdog can end; it sends the head with the body's first block."""

    _held: bytes | None = None  # the head, until the first block; empty until the head is there

    def _new_conn(self) -> socket:
        sock = super()._new_conn()
        current_exchange().attach(sock)  # this early for a proxy that drips
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        exchange = current_exchange()
        if self.is_closed:
            self.connect()
        exchange.attach(self.sock)
        self.timeout = exchange.limits.read  # or the limit to connect holds for each block
        self._held = b""
        try:
            super().request(*args, **kwargs)
        finally:  # or a proxy would get what was held back
            self._held = None

    def send(self, data: Any) -> None:  # noqa: ANN401 - what http.client sends
        if self._held is None:
            super().send(data)
        elif not self._held:
            self._held = data
        else:
            block, self._held = b"".join((self._held, data)), None
            super().send(block)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own does so
        response = super().getresponse()
        if response.status < 200:  # noqa: PLR2004 - 1xx is interim
            self.close()  # or the final response would be taken for the next request's
        return response


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Trust(ssl.SSLContext):
    """Trusted certificates that all threads share: loading them takes 16 ms and 700 kB.

    urllib3 sets ALPN anew before each handshake, while another thread's may be
    reading it. Without it, a server speaks HTTP/1.1, which is what we speak.
    """

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Environment:
    """What the process's environment says of the way to the endpoint.

    Attributes:
        proxies: by scheme, from `HTTPS_PROXY`, `NO_PROXY` and the like.
        trust: the certificates in `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, else certifi's.
    """

    proxies: dict[str, str]
    trust: ssl.SSLContext

    @classmethod
    def read(cls, url: str) -> Self:
        """As it is now, for requests to `url`.

        Raises:
            OSError: the certificates cannot be read.
        """
        with Session() as session:
            found = session.merge_environment_settings(url, {}, None, None, None)
        bundle = DEFAULT_CA_BUNDLE_PATH if found["verify"] is True else str(found["verify"])
        trust = _Trust(ssl.PROTOCOL_TLS_CLIENT)
        if Path(bundle).is_dir():
            trust.load_verify_locations(capath=bundle)
        else:
            trust.load_verify_locations(cafile=bundle)
        return cls(dict(found["proxies"] or {}), trust)


class Way:
    """One thread's way to the endpoint, by a connection that it keeps. Tries once.

    Args:
        url: of the upload.
        environment: as it is when the worker starts.
        limits: of each request.

    Raises:
        OSError, ValueError, HTTPError: an address, the endpoint's or a proxy's, cannot be one.
    """

    def __init__(self, url: str, environment: Environment, limits: RequestLimits) -> None:
        finder, request = _Finder(environment.trust), Request("POST", url).prepare()
        proxies = environment.proxies
        pool = finder.get_connection_with_tls_context(request, verify=True, proxies=proxies)
        self._pool = cast("HTTPConnectionPool", pool)
        self._target = finder.request_url(request, proxies)
        self._timeout = Timeout(connect=limits.connect, read=limits.read)

    def post(self, request: UploadRequest) -> BaseHTTPResponse:
        """Send the request; the response's body is still to be read."""
        return self._pool.urlopen(
            "POST",
            self._target,
            body=request.body,  # type: ignore[arg-type]  # the hints forget memoryviews
            headers=request.headers,
            retries=_ONCE,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def reach(self) -> None:
        """Make the connection that a request would go over, and close it again.

        What urllib3 does before it sends, for which it has no public name.
        """
        pool: Any = self._pool
        connection = pool._get_conn()  # noqa: SLF001 - see above
        try:
            connection.timeout = self._timeout.connect_timeout
            if pool.proxy is not None and pool.scheme == "https":
                pool._prepare_proxy(connection)  # noqa: SLF001 - the same
            else:
                connection.connect()
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Finder(HTTPAdapter):
    """How requests finds the way, with our connections."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._trust = trust
        self.poolmanager.connection_pool_kw["ssl_context"] = trust
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401 - as in requests
        """The way through `proxy`, with our connections."""
        if proxy.lower().startswith("socks"):
            raise InvalidSchema("a SOCKS proxy's connections cannot be watched")
        manager = super().proxy_manager_for(
            proxy, ssl_context=self._trust, proxy_ssl_context=self._trust, **kwargs
        )
        manager.pool_classes_by_scheme = _POOLS
        return manager
