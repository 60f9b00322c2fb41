"""How bytes get to the endpoint and back: connections, and whom they trust.

requests finds the way once, urllib3 connects, through proxies and TLS, and `http.client`, of which
its connections are made, carries each request. What the upper two add to one (redirects, cookies,
`.netrc`, the environment read anew, a pool, decoding) is what must not happen here, or nothing
that a thread with one connection needs, and takes longer than all the rest.
"""

from __future__ import annotations

import http.client
import ssl
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from requests import Request, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, IncompleteRead, ProtocolError, ProxyError

from worker.endpoint.answer import Answer
from worker.endpoint.faults import FAULTS
from worker.endpoint.watchdog import current_exchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from worker.endpoint.form import UploadRequest
    from worker.endpoint.limits import RequestLimits


class _Connection(HTTPConnection):
    """A connection that the watchdog can end; it sends the head with the body's first block."""

    _head: bytes | None = None  # empty until `http.client` has made it; None but for a request

    def _new_conn(self) -> socket:
        sock = super()._new_conn()
        current_exchange().attach(sock)  # this early for a proxy that drips
        return sock

    def post(
        self, target: str, proxy_headers: dict[str, str], request: UploadRequest
    ) -> http.client.HTTPResponse:
        """Send the request over the connection that there is; the body is still to be read."""
        exchange, sock = current_exchange(), self.sock
        exchange.attach(sock)
        sock.settimeout(exchange.limits.read)
        self._head = b""
        try:
            self.putrequest("POST", target, skip_accept_encoding=True)
            for name, value in (request.headers | proxy_headers).items():
                self.putheader(name, value)
            self.endheaders()
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before
                for block in request.blocks(self._head):
                    sock.sendall(block)
        finally:
            self._head = None
        return http.client.HTTPConnection.getresponse(self)

    def send(self, data: Any) -> None:  # noqa: ANN401 - what http.client sends
        if self._head is None:  # to a proxy
            super().send(data)
        else:
            self._head += data


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
        # What urllib3 does before it sends has no public names, and no type hints.
        pool: Any = finder.get_connection_with_tls_context(request, verify=True, proxies=proxies)
        self._connection: _Connection = pool._new_conn()  # noqa: SLF001 - see above
        is_tunnel = pool.proxy is not None and pool.scheme == "https"
        self._proxy_headers: dict[str, str] = {} if is_tunnel else pool.proxy_headers
        self._dial: Callable[[], None] = (
            partial(pool._prepare_proxy, self._connection)  # noqa: SLF001 - the same
            if is_tunnel
            else self._connection.connect
        )
        self._target = finder.request_url(request, proxies)
        self._limits = limits
        weakref.finalize(self, self._connection.close)  # its thread may end

    def exchange(self, request: UploadRequest) -> Answer:
        """Send the request and read the answer, of its body no more than the limit.

        Raises:
            OSError, ValueError, HTTPError: there is no answer.
        """
        connection, is_whole = self._connection, False
        try:
            if not connection.is_connected:
                self._connect()
            response = connection.post(self._target, self._proxy_headers, request)
            body = bytearray()
            try:
                is_whole = _read(response, body, self._limits.response_bytes)
            except FAULTS:
                if response.status // 100 == 2:  # noqa: PLR2004 - 2xx
                    raise
                # A no is a no, and a pause a pause, with or without its explanation.
            finally:
                response.close()
        except (OSError, http.client.HTTPException) as error:
            raise ProtocolError("Connection aborted.", error) from error
        finally:
            if not is_whole:  # or the rest would be taken for the next request's answer
                connection.close()
        return Answer(response.status, HTTPHeaderDict(response.headers.items()), bytes(body))

    def reach(self) -> None:
        """Make the connection that a request would go over, and close it again.

        Raises:
            OSError, ValueError, HTTPError: there is no way to the endpoint.
        """
        try:
            self._connect()
        finally:
            self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _connect(self) -> None:
        connection = self._connection
        connection.close()
        connection.timeout = self._limits.connect
        try:
            self._dial()
        except (OSError, HTTPError, http.client.HTTPException) as error:
            if connection.proxy is not None and not connection.has_connected_to_proxy:
                raise ProxyError("Unable to connect to proxy", error) from error
            raise


def _read(response: http.client.HTTPResponse, body: bytearray, most: int) -> bool:
    """Read up to `most` bytes into `body`; whether nothing of the response is left.

    Raises:
        IncompleteRead, HTTPException, OSError: it ends too early, or cannot be read.
    """
    while (more := most - len(body)) > 0:
        piece = response.read1(more)  # unlike `read`, it takes what is there
        if not piece:
            if response.length:
                raise IncompleteRead(len(body), response.length)
            return response.status >= 200  # noqa: PLR2004 - 1xx is interim, another one follows
        body += piece
    return False


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
