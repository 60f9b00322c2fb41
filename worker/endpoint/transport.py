"""How bytes get to the endpoint and back: connections, and whom they trust.

Used without a `requests.Session`: what that adds (redirects, cookies, `.netrc`,
the environment read anew for each request) is what must not happen here.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from requests import Session
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from worker.endpoint.watchdog import current_exchange

if TYPE_CHECKING:
    from socket import socket

    from urllib3 import HTTPResponse

_BLOCK = 65_536  # sent at once; whether we still may is asked before each

# Its warnings quote headers that it cannot parse, and those may quote our key.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _Connection(HTTPConnection):
    """A connection that the watchdog can end."""

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
        super().request(*args, **kwargs)

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


class ThreadAdapter(HTTPAdapter):
    """One thread's way to the endpoint, by a connection that it keeps. Tries once.

    Args:
        environment: as it is when the worker starts.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._trust = environment.trust
        self.poolmanager.connection_pool_kw |= {"ssl_context": self._trust, "blocksize": _BLOCK}
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

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Nothing: the shared context verifies, and needs no certificates loaded anew."""
