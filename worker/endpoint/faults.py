"""Why there is no answer: what urllib3 and the system raise, translated once.

No sentence holds an exception's own text: that may quote headers and addresses.
"""

from __future__ import annotations

import traceback
from http.client import HTTPException
from socket import gaierror
from ssl import SSLError
from typing import TYPE_CHECKING

import urllib3.exceptions as of_urllib3

from facelift.codes import OutcomeCode
from worker.endpoint.watchdog import Overdue
from worker.endpoint.wording import shows
from worker.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.endpoint.limits import RequestLimits

FAULTS = (OSError, ValueError, HTTPException, of_urllib3.HTTPError)
"""What may be raised on the way to an answer. That of requests, which finds it, are OSErrors."""

_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], OutcomeCode, str], ...] = (
    (
        (Overdue,),
        OutcomeCode.TIMEOUT,
        "{host} had not answered in full after {limits.total:g} s",
    ),
    (
        (of_urllib3.ProxyError,),
        OutcomeCode.CONNECTION_FAILED,
        "The proxy could not be reached, or does not connect to {host}",
    ),
    ((gaierror,), OutcomeCode.DNS_FAILED, "The name {host} could not be resolved"),
    (
        (of_urllib3.NewConnectionError,),
        OutcomeCode.CONNECTION_FAILED,
        "No connection to {host} could be made",
    ),
    (
        (of_urllib3.ConnectTimeoutError,),
        OutcomeCode.TIMEOUT,
        "{host} took no connection within {limits.connect:g} s",
    ),
    (
        (TimeoutError, of_urllib3.TimeoutError),
        OutcomeCode.TIMEOUT,
        "{host} did not answer in time",
    ),
    (
        (SSLError, of_urllib3.SSLError),
        OutcomeCode.TLS_FAILED,
        "No trusted TLS connection to {host} could be made",
    ),
    (
        (ConnectionError, of_urllib3.IncompleteRead),
        OutcomeCode.CONNECTION_LOST,
        "The connection to {host} was lost before the answer was complete",
    ),
    (
        (HTTPException, of_urllib3.DecodeError, of_urllib3.InvalidHeader),
        OutcomeCode.MALFORMED_RESPONSE,
        "What {host} answered is no whole HTTP response",
    ),
    (
        (of_urllib3.ProtocolError,),
        OutcomeCode.CONNECTION_LOST,
        "The connection to {host} was lost",
    ),
)
"""The first row of which an exception, or one that it stands for, is an instance."""

_OTHERWISE = (
    OutcomeCode.CONNECTION_FAILED,
    "The request could not be made; the address of {host} or of a proxy may be wrong",
)


def translate(error: Exception, *, host: str, limits: RequestLimits) -> DeliveryFailed:
    """The failure that `error`, one of `FAULTS`, stands for."""
    chain = list(_unwrap(error))
    code, sentence = next(
        (
            (code, sentence)
            for kinds, code, sentence in _MEANINGS
            if any(isinstance(each, kinds) for each in chain)
        ),
        _OTHERWISE,
    )
    detail = _detail(chain)
    return DeliveryFailed(
        code, sentence.format(host=host, limits=limits) + (f": {detail}." if detail else ".")
    )


def cause(error: Exception, api_key: str) -> Exception | None:
    """`error` as the cause to chain; None if its traceback must not be seen.

    A response that is no HTTP is quoted in it, and may quote our key. A ValueError
    quotes what it dislikes, such as an address with its password.
    """
    if isinstance(error, ValueError) or shows(api_key, "".join(traceback.format_exception(error))):
        return None
    return error


def _unwrap(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it was made of, which urllib3 often puts into `args`."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.__cause__ or next(
            (each for each in inner.args if isinstance(each, BaseException)), None
        )


def _detail(chain: list[BaseException]) -> str:
    """What the system or OpenSSL says of it; neither quotes what was sent."""
    for error in reversed(chain):
        said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
        if isinstance(said, str):
            return said.removesuffix(".")
    return ""
