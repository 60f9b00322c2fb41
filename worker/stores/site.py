"""One base URL, and GETs below it that are bounded in time and size."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from worker.http import NoAnswer, Server
from worker.http.lookup import resolve as ask_system
from worker.stores.path import encode_path
from worker.stores.refusals import too_large, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from worker.http import Reach
    from worker.http.lookup import Resolve


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """What reading from a store on the network may take.

    Attributes:
        timeout: seconds for one image, from resolving the store's name to the last byte.
        connections: how many each store keeps open.
    """

    timeout: float = 10
    connections: int = 100


class Answer:
    """What a store answered, its body not read yet.

    Attributes:
        status: HTTP status.
        headers: looked up in any case.
    """

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def image(self, path: str, limit: int) -> bytes:
        """The body, as it came over the wire, as the image at `path`.

        Raises:
            ImageRejected: it has more than `limit` bytes.
        """
        announced = self._response.length_remaining
        if announced is not None and announced > limit:
            raise too_large(path, limit, announced)
        body = self.read(limit + 1)
        if len(body) > limit:
            raise too_large(path, limit)
        return body

    def read(self, at_most: int) -> bytes:
        """The body's first bytes, whatever size it claims to have."""
        body = io.BytesIO()
        while (more := at_most - body.tell()) > 0:
            piece = self._response.read1(more, decode_content=False)
            if not piece:
                break
            body.write(piece)
        return body.getvalue()


class Site:
    """What lies below one base URL. Any number of threads may share one.

    Args:
        base_url: http or https, with no user, query or fragment.
        reaches: see `Server`.
        limits: what one GET may take.
        resolve: see `Server`.

    Raises:
        ValueError: see `Server`.
    """

    def __init__(
        self,
        base_url: str,
        reaches: frozenset[Reach],
        limits: NetworkLimits,
        *,
        resolve: Resolve = ask_system,
    ) -> None:
        self._limits = limits
        self._server = Server(base_url, reaches, connections=limits.connections, resolve=resolve)
        self._base = self._server.origin + urlsplit(base_url).path.rstrip("/") + "/"

    def url_of(self, path: str) -> str:
        """The URL of the image at `path`, below the base.

        Raises:
            ImageRejected: the path could lead out of the base, or cannot be a file's.
        """
        return self._base + encode_path(path)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """GET `url`, one of `url_of`, once; no redirect is followed.

        Raises:
            StoreUnavailable: there is no answer, or not the whole of it in time; also for what
                the block reads of it.
        """
        try:
            with self._server.ask("GET", url, headers, seconds=self._limits.timeout) as response:
                yield Answer(response)
        except NoAnswer as error:
            raise unavailable(str(error)) from error
