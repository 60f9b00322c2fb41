"""One web server, and requests to it that are bounded in time and place."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3 import Timeout

from facelift.ledger.urls import split_url
from worker.http.addresses import Reach, reach_of
from worker.http.connection import Trust, make_pool, make_socket
from worker.http.dial import Dialler
from worker.http.faults import FAULTS, explain
from worker.http.lookup import resolve as ask_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from worker.http.lookup import Resolve

SCHEMES = {
    "https": frozenset({Reach.PUBLIC}),
    "https+private": frozenset({Reach.PUBLIC, Reach.PRIVATE}),
    "http+private": frozenset({Reach.PRIVATE}),
}
"""Which addresses a server may have, by how a setting's URL begins."""

_HOST = re.compile(r"[a-z0-9._:-]+")


class Server:
    """A web server. Any number of threads may share one.

    Args:
        url: http or https, with no user or fragment; where the server is.
        reaches: which addresses its host may have. With http, public ones are never
            connected to.
        connections: how many are kept open.
        resolve: the addresses of a host for connections to a port; OSError if there are none.

    Attributes:
        origin: scheme, host and port, with which the URL of everything on it begins.

    Raises:
        ValueError: the host is itself an address of another reach, or the trusted
            certificates cannot be read.
    """

    def __init__(
        self,
        url: str,
        reaches: frozenset[Reach],
        *,
        connections: int,
        resolve: Resolve = ask_system,
    ) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        encrypted = parts.scheme == "https"
        if not encrypted:
            reaches -= {Reach.PUBLIC}
        _check_host(host, reaches)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._pool = make_pool(
            host,
            parts.port,
            trust=Trust.read(os.environ) if encrypted else None,
            dialler=Dialler(reaches, resolve, make_socket),
            size=connections,
        )

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        seconds: float,
        body: bytes | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """Ask once; the answer's body is not read yet. No redirect is followed.

        Args:
            method: GET, POST.
            url: what is asked for, on this server.
            headers: besides `User-Agent` and `Accept-Encoding`.
            seconds: for all of it, from resolving the name to the last byte that is read.
            body: what is sent.

        Raises:
            NoAnswer: there is none, or not the whole of it in time; also for what the block
                reads of it.
        """
        try:
            response = self._pool.urlopen(
                method,
                url.removeprefix(self.origin),
                body=body,
                headers={"User-Agent": "facelift", "Accept-Encoding": "identity", **headers},
                timeout=Timeout(total=seconds),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
            try:
                yield response
            finally:
                response.close()  # unless it was read to its end and the connection is kept
        except FAULTS as error:
            raise explain(error, seconds) from error


def split_reaches(url: str) -> tuple[str, frozenset[Reach]]:
    """A setting's URL as it is asked for, and which addresses its host may have.

    Raises:
        ValueError: it begins in none of the `SCHEMES`.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ValueError(
            "must begin with https://; https+private:// and http+private:// are for servers with "
            "private addresses"
        )
    return f"{scheme.partition('+')[0]}://{rest}", SCHEMES[scheme]


def check_url(url: str, example: str, *, may_have_query: bool = False) -> None:
    """That `url` is one that can be asked for, or be the base of some.

    Raises:
        ValueError: it cannot; the message says why, without repeating it.
    """
    parts = split_url(url)
    host = (parts and parts.hostname) or ""
    if parts is None or parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError(f"must be a {'' if may_have_query else 'base '}URL, such as {example}")
    if may_have_query:
        if "@" in parts.netloc or "#" in url:
            raise ValueError("must have no user, password or fragment")
    elif "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must have no user, password, query or fragment")


def _check_host(host: str, reaches: frozenset[Reach]) -> None:
    """That a host which is an address is one that may be connected to: better told at once."""
    try:
        reach = reach_of(host)
    except ValueError:
        return  # a name, whose addresses are checked when they are known
    if reach is None:
        raise ValueError("has an address for its host that no server may have")
    if reach not in reaches:
        wanted = " or ".join(sorted(reach.value for reach in reaches))
        raise ValueError(f"has an address for its host that is not {wanted}")
