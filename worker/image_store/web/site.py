"""One base URL, and GETs below it that are bounded in time and size."""

from __future__ import annotations

import io
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3 import Timeout

from tasks.urls import split_url
from worker.image_store.refusals import too_large
from worker.image_store.web.addresses import Reach, reach_of
from worker.image_store.web.connection import Trust, make_pool, make_socket
from worker.image_store.web.dial import Dialler
from worker.image_store.web.faults import FAULTS, translate
from worker.image_store.web.lookup import resolve as ask_system
from worker.image_store.web.path import encode_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from worker.image_store.web.lookup import Resolve

_HOST = re.compile(r"[a-z0-9._:-]+")


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
        reaches: which addresses its host may have. With http, public ones are never
            connected to.
        limits: what one GET may take.
        resolve: the addresses of a host for connections to a port; OSError if there are none.

    Raises:
        ValueError: the host is itself an address of another reach, or the trusted
            certificates cannot be read.
    """

    def __init__(
        self,
        base_url: str,
        reaches: frozenset[Reach],
        limits: NetworkLimits,
        *,
        resolve: Resolve = ask_system,
    ) -> None:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        encrypted = parts.scheme == "https"
        if not encrypted:
            reaches -= {Reach.PUBLIC}
        _check_host(host, reaches)
        self._limits = limits
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._base = self._origin + parts.path.rstrip("/") + "/"
        self._pool = make_pool(
            host,
            parts.port,
            trust=Trust.read(os.environ) if encrypted else None,
            dialler=Dialler(reaches, resolve, make_socket),
            size=limits.connections,
        )

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
        seconds = self._limits.timeout
        try:
            response = self._pool.urlopen(
                "GET",
                url.removeprefix(self._origin),
                headers={"User-Agent": "facelift", "Accept-Encoding": "identity", **headers},
                timeout=Timeout(total=seconds),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
            try:
                yield Answer(response)
            finally:
                response.close()  # unless it was read to its end and the connection is kept
        except FAULTS as error:
            raise translate(error, seconds) from error


def check_base_url(url: str, example: str) -> None:
    """That `url` can be the base of a site.

    Raises:
        ValueError: it cannot; the message says why, without repeating it.
    """
    parts = split_url(url)
    host = (parts and parts.hostname) or ""
    if parts is None or parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError(f"must be a base URL, such as {example}")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must have no user, password, query or fragment")


def _check_host(host: str, reaches: frozenset[Reach]) -> None:
    """That a host which is an address is one that may be connected to: better told at once."""
    try:
        reach = reach_of(host)
    except ValueError:
        return  # a name, whose addresses are checked when they are known
    if reach is None:
        raise ValueError("has an address for its host that no store may have")
    if reach not in reaches:
        wanted = " or ".join(sorted(reach.value for reach in reaches))
        raise ValueError(f"has an address for its host that is not {wanted}")
