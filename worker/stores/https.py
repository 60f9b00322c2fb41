"""What lies below one base URL of a web server, as image store."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from worker.http import check_url, split_reaches
from worker.stores.protocol import missing, unavailable, unreadable
from worker.stores.site import Site, read_image

if TYPE_CHECKING:
    from worker.http import Answer
    from worker.stores.protocol import NetworkLimits

_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_FORBIDDEN = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
}
_MAY_PASS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class HttpsStore:
    """Reads what a web server gives for paths below a base URL.

    Redirects are not followed: a picture has one address, and it is below the base.

    Args:
        site: the base URL.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    @classmethod
    def from_url(cls, url: str, limits: NetworkLimits) -> Self:
        """Open the store that is written as https://cdn.example.com/pictures/.

        Raises:
            ValueError: the URL is of another form, or cannot be used.
        """
        base, reaches = split_reaches(url)
        check_url(base, "https://cdn.example.com/pictures/")
        return cls(Site(base, reaches, limits))

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`."""
        with self._site.get(self._site.url_of(path), {}) as answer:
            _judge(answer, path)
            return read_image(answer, path, limit)


def _judge(answer: Answer, path: str) -> None:
    """Return if there is an image in the answer.

    Raises:
        ImageRejected: the image is to blame.
        StoreUnavailable: the server is.
    """
    status = answer.status
    if status == HTTPStatus.OK:
        # It was asked for none; and what is stored compressed is no picture as it is.
        if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise unreadable(path, "comes compressed (Content-Encoding), which no picture should")
        return
    if status in _MISSING:
        raise missing(path)
    if status in _FORBIDDEN:
        raise unreadable(path)
    if status // 100 == 3:  # noqa: PLR2004 - the class of redirects
        raise unreadable(path, f"is elsewhere ({status}); redirects are not followed")
    if status // 100 == 4 and status not in _MAY_PASS:  # noqa: PLR2004 - the class of refusals
        raise unreadable(path, f"cannot be read; the image store answered {status}")
    raise unavailable(f"it answered {status}")
