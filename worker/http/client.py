"""Sends prepared requests to one server, on requests' adapter.

What requests' `Session` adds (redirects, cookies, `.netrc`, the environment read for each
request) must not happen here, and takes as long as all the rest.
"""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from http.client import HTTPException
from urllib.parse import urlsplit

from requests import PreparedRequest, Request, Response
from requests.utils import get_environ_proxies

from worker.http.adapter import Adapter, Connected, Trust
from worker.http.addresses import Reach, check_host
from worker.http.dial import Dialler, Resolve
from worker.http.dial import resolve as ask_system
from worker.http.exchange import SLICE, Exchange, NotSent, RequestLimits
from worker.http.faults import Fault, NoAnswer, mapped

_LOST = {Fault.CUT_SHORT, Fault.LOST, Fault.TLS}
"""How a connection is lost."""


class Answer:
    """What a server answered, its body not read yet.

    Attributes:
        status: HTTP status.
        headers: looked up in any case.
        announced: how many bytes the body has, if the server says so.
        is_framed: whether the head is whole and says where the body ends.
    """

    def __init__(self, response: Response, exchange: Exchange) -> None:
        self._raw = response.raw
        self._limits = exchange.limits
        self.is_framed = exchange.is_framed
        self.status: int = response.raw.status
        self.headers: Mapping[str, str] = response.raw.headers
        self.announced: int | None = response.raw.length_remaining

    def read(self, at_most: int) -> bytes:
        """The first bytes of the body as they came over the wire, whatever size it claims.

        Raises:
            NoAnswer: it ends too early, takes too long, or cannot be read.
        """
        body = io.BytesIO()
        with mapped(self._limits):
            if not self.is_framed:
                raise HTTPException
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
            for any address but a cloud's metadata service. With them no proxy is used: it would
            resolve names by itself.
        resolve: the addresses of a host for connections to a port; OSError if there are none.
        clock: seconds that never go back.

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        if reaches is not None:
            if parts.scheme == "http":
                reaches -= {Reach.PUBLIC}
            check_host(parts.hostname or "", reaches)
        self._limits = limits
        self._proxies = get_environ_proxies(url) if reaches is None else {}
        needs_trust = parts.scheme == "https" or bool(self._proxies)
        trust = Trust.from_environment() if needs_trust else None
        self._adapter = Adapter(Dialler(reaches, resolve), trust, connections)
        self._url = url
        self._clock = clock

    def send(
        self,
        request: PreparedRequest,
        check: Callable[[], None] = lambda: None,
        *,
        before_sending: Callable[[], None] = lambda: None,
        limits: RequestLimits | None = None,
    ) -> AbstractContextManager[Answer]:
        """Send `request`; no redirect is followed.

        It is sent once, and once more on a new connection if one that was used before is lost
        before anything of an answer is received: something on the way has forgotten it, or the
        server was about to close it. So a request must be one that may be repeated. The
        time limit holds for both.

        The connection is kept for another request if the block reads the answer to its end.

        Args:
            request: to this server.
            check: returns if the request may go on, and raises if not; called before each block
                is sent, and every half second while something is awaited. It must not block.
            before_sending: called once the connection stands, before the first block is sent; a
                second time if it is sent once more. It may block, within the client's time limit.
            limits: of this request, if not the client's.

        Raises:
            NoAnswer: there is none, or not in time.
            Exception: what `check` or `before_sending` raised; nothing more is sent then.
        """
        exchange = Exchange(
            limits or self._limits, check, before_sending=before_sending, clock=self._clock
        )
        return self._send(request, exchange)

    def reach(self) -> None:
        """Connect as for a request, through a proxy and TLS too, and send none.

        Raises:
            NoAnswer: the server cannot be reached.
        """
        request = Request("GET", self._url).prepare()
        with suppress(Connected), self._send(request, Exchange(self._limits, connects_only=True)):
            raise AssertionError  # nothing was sent

    def close(self) -> None:
        """Close idle connections; for when no request is under way."""
        self._adapter.close()

    @contextmanager
    def _send(self, request: PreparedRequest, exchange: Exchange) -> Iterator[Answer]:
        with exchange:
            try:
                response = self._request(request, exchange)
            except NoAnswer as error:
                if not exchange.is_reused or exchange.is_heard or error.fault not in _LOST:
                    raise
                exchange.needs_new = True
                response = self._request(request, exchange)
            try:
                yield Answer(response, exchange)
            finally:
                response.close()

    def _request(self, request: PreparedRequest, exchange: Exchange) -> Response:
        try:
            with mapped(exchange.limits):
                return self._adapter.send(
                    request, stream=True, timeout=SLICE, proxies=self._proxies
                )
        except NotSent as stopped:
            raise stopped.error from stopped.error.__cause__
