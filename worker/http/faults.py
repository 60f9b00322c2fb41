"""Why there is no answer: what urllib3 and the system raise, translated once.

No sentence holds an exception's own text: that may quote a URL or a header.
"""

from __future__ import annotations

from http.client import HTTPException, IncompleteRead
from socket import gaierror
from ssl import SSLError
from typing import TYPE_CHECKING

import urllib3.exceptions as of_urllib3

from worker.http.dial import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = (OSError, ValueError, HTTPException, of_urllib3.HTTPError)
"""What may be raised on the way to an answer."""

_UNREACHED = "it could not be reached"

_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((gaierror, UnicodeError), "its name could not be resolved"),
    (
        (TimeoutError, of_urllib3.TimeoutError),
        "it had not answered in full after {seconds:g} s",
    ),
    ((SSLError, of_urllib3.SSLError), "no trusted TLS connection to it could be made"),
    ((ConnectionRefusedError,), _UNREACHED),
    (
        (ConnectionError, IncompleteRead),
        "the connection to it was lost before its answer was complete",
    ),
    ((OSError,), _UNREACHED),
    (
        (HTTPException, of_urllib3.HTTPError, ValueError),
        "what it answered is no whole HTTP response",
    ),
)
"""The first row of which an exception, or one that it stands for, is an instance."""


class NoAnswer(Exception):  # noqa: N818 - names what happened, as the project's errors do
    """There is no answer, or not the whole of it; the text says why, of the server as "it"."""


def explain(error: Exception, seconds: float) -> NoAnswer:
    """What `error`, one of `FAULTS`, stands for; `seconds` were the limit."""
    chain = list(_unwrap(error))
    for each in chain:
        if isinstance(each, AddressRefused):
            return NoAnswer(str(each))
    words = next(
        words for kinds, words in _MEANINGS if any(isinstance(each, kinds) for each in chain)
    )
    detail = _detail(chain)
    return NoAnswer(words.format(seconds=seconds) + (f": {detail}" if detail else ""))


def _unwrap(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it was made of, which urllib3 often puts into `args`."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.__cause__ or next(
            (each for each in inner.args if isinstance(each, BaseException)), None
        )


def _detail(chain: list[BaseException]) -> str | None:
    """What the system or OpenSSL says of it; neither quotes what was sent."""
    for error in reversed(chain):
        said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
        if isinstance(said, str):
            return said
    return None
