"""A web server as image store: one base URL, and GETs below it, bounded in time and size."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from http import HTTPStatus
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from requests import Request

from worker.errors import Failure
from worker.http import Answer, HttpClient, NoAnswer, Reach, RequestLimits, check_url, split_reaches
from worker.http.dial import Resolve
from worker.http.dial import resolve as ask_system
from worker.stores.protocol import (
    NetworkLimits,
    missing,
    outside,
    too_large,
    unavailable,
    unreadable,
)

_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_FORBIDDEN = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
}
_MAY_PASS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_COMPRESSIONS = {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"}
"""Values of Content-Encoding. Others, such as `aws-chunked` or `none`, say nothing of the bytes."""
_HEADERS = {"User-Agent": "facelift", "Accept-Encoding": "identity"}
_SEPARATORS = re.compile(r"[/\\]")
_READINGS = 3


class Site:
    """What lies below one base URL. Any number of threads may share one.

    Args:
        base_url: http or https, with no user, query or fragment.
        reaches: see `HttpClient`.
        limits: what one GET may take.
        resolve: see `HttpClient`.

    Raises:
        ValueError: see `HttpClient`.
    """

    def __init__(
        self,
        base_url: str,
        reaches: frozenset[Reach],
        limits: NetworkLimits,
        *,
        resolve: Resolve = ask_system,
    ) -> None:
        seconds = limits.timeout
        self._http = HttpClient(
            base_url,
            RequestLimits(connect=seconds, read=seconds, total=seconds),
            connections=limits.connections,
            reaches=reaches,
            resolve=resolve,
        )
        parts = urlsplit(base_url)
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"

    def url_of(self, path: str, *, may_begin_with_slash: bool = False) -> str:
        """The URL of the image at `path`, below the base.

        Raises:
            ImageRejected: the path could lead out of the base, or cannot be a file's.
        """
        begins = may_begin_with_slash and path.startswith("/")
        return self._base + "/" * begins + encode_path(path[begins:])

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """GET `url`, one of `url_of`, once; no redirect is followed.

        Raises:
            StoreUnavailable: there is no answer, or not the whole of it in time; also for what
                the block reads of it.
        """
        request = Request("GET", url, headers={**_HEADERS, **headers}).prepare()
        try:
            with self._http.send(request) as answer:
                yield answer
        except NoAnswer as error:
            raise unavailable(str(error)) from error


def read_image(answer: Answer, path: str, limit: int) -> bytes:
    """The body of `answer`, as it came over the wire, as the image at `path`.

    Raises:
        ImageRejected: it has more than `limit` bytes.
        StoreUnavailable: it was cut off before its first byte, as far as can be known.
    """
    if answer.announced is not None and answer.announced > limit:
        raise too_large(path, limit, answer.announced)
    body = answer.read(limit + 1)
    if not body and answer.announced is None and "Transfer-Encoding" not in answer.headers:
        raise unavailable("its answer ended after the headers")
    if len(body) > limit:
        raise too_large(path, limit)
    return body


class HttpsStore:
    """Reads what a web server gives for paths below a base URL.

    Redirects are not followed: an image has one address, and it is below the base.

    Args:
        site: the base URL.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    @classmethod
    def from_url(cls, url: str, limits: NetworkLimits) -> Self:
        """Open the store that is written as https://cdn.example.com/images/.

        Raises:
            ValueError: the URL is of another form, or cannot be used.
        """
        base, reaches = split_reaches(url)
        check_url(base, "https://cdn.example.com/images/")
        return cls(Site(base, reaches, limits))

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`."""
        with self._get(path) as answer:
            if answer.status not in _MISSING:
                _judge(answer, path)
                return read_image(answer, path, limit)
        raise missing(path, self._has)

    def _has(self, path: str) -> bool:
        with suppress(Failure), self._get(path) as answer:
            return answer.status == HTTPStatus.OK
        return False

    def _get(self, path: str) -> AbstractContextManager[Answer]:
        return self._site.get(self._site.url_of(path), {})


def _judge(answer: Answer, path: str) -> None:
    """Raise unless the answer holds an image, which is not missing."""
    status = answer.status
    if status == HTTPStatus.OK:
        # None was asked for; and what is stored compressed is no image as it is.
        codings = answer.headers.get("Content-Encoding", "").lower().split(",")
        if not _COMPRESSIONS.isdisjoint(map(str.strip, codings)):
            raise unreadable(path, "comes compressed (Content-Encoding), which no image should")
        return
    if status in _FORBIDDEN:
        raise unreadable(path)
    if status // 100 == 3:  # noqa: PLR2004 - the class of redirects
        raise unreadable(path, f"is elsewhere ({status}); redirects are not followed")
    if status // 100 == 4 and status not in _MAY_PASS:  # noqa: PLR2004 - the class of refusals
        raise unreadable(path, f"cannot be read; the image store answered {status}")
    raise unavailable(f"it answered {status}")


def encode_path(path: str) -> str:
    """`path` percent-encoded, to be put after a base that ends with a slash.

    Only letters, digits and `-._~/` stay as they are, not even a percent sign does: what looks
    like a query, a fragment, a host or an escape is part of the name.

    Raises:
        ImageRejected: the path is absolute, or could lead out of the base for a server that
            decodes it more often than once or takes backslashes for slashes; or it cannot be
            a file's.
    """
    if path.startswith("/"):
        raise outside(path)
    if _has_dot_segment(path):
        raise outside(path, "has a . or .. in it, which could lead out of the image store")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in path):
        raise missing(path)
    if not path or path.endswith("/"):
        raise unreadable(path, "is not a file")
    return quote(path, safe="/")


def _has_dot_segment(path: str) -> bool:
    for _ in range(_READINGS):
        for segment in _SEPARATORS.split(path):
            # For some servers what follows a semicolon is no part of the name.
            if segment.partition(";")[0] in {".", ".."}:
                return True
        path = unquote(path)
    return False
