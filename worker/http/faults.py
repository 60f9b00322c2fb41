"""Maps what requests, urllib3 and the system raise to one `Fault`, once for all callers.

No sentence holds an exception's own text: that may quote a URL or a header.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPException
from socket import gaierror
from ssl import SSLError

import urllib3.exceptions as of_urllib3

from worker.http.dial import AddressRefused, ConnectTimedOut, NotConnected
from worker.http.exchange import GivenUp, Overdue, RequestLimits

FAULTS = (OSError, ValueError, HTTPException, of_urllib3.HTTPError)
"""What may be raised on the way to an answer. The exceptions of requests are OSErrors."""


class Fault(Enum):
    """Why there is no answer; the value says it of the server as "it"."""

    OVERDUE = "it had not answered in full after {limits.total:g} s"
    ADDRESS = "it has no address that it may have"
    PROXY = "the proxy could not be reached, or does not connect to it"
    NAME = "its name could not be resolved"
    NO_CONNECTION = "it could not be reached"
    CONNECT_TIMEOUT = "it took no connection within {limits.connect:g} s"
    SILENCE = "it had not answered in full after {limits.read:g} s"
    TLS = "no trusted TLS connection to it could be made"
    CUT_SHORT = "the connection to it was lost before its answer was complete"
    MALFORMED = "what it answered is no whole HTTP response"
    LOST = "the connection to it was lost"
    NO_REQUEST = "the request could not be made; its URL may be wrong"


_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Fault], ...] = (
    ((Overdue,), Fault.OVERDUE),
    ((AddressRefused,), Fault.ADDRESS),
    ((of_urllib3.ProxyError,), Fault.PROXY),
    ((gaierror, UnicodeError), Fault.NAME),
    ((NotConnected, of_urllib3.NewConnectionError), Fault.NO_CONNECTION),
    ((ConnectTimedOut, of_urllib3.ConnectTimeoutError), Fault.CONNECT_TIMEOUT),
    ((GivenUp,), Fault.CUT_SHORT),
    ((TimeoutError, of_urllib3.TimeoutError), Fault.SILENCE),
    ((SSLError, of_urllib3.SSLError), Fault.TLS),
    ((ConnectionError, of_urllib3.IncompleteRead), Fault.CUT_SHORT),
    ((HTTPException, of_urllib3.DecodeError, of_urllib3.InvalidHeader), Fault.MALFORMED),
    ((of_urllib3.ProtocolError,), Fault.LOST),
)
"""The first row counts of which an exception, or one that it wraps, is an instance."""


class NoAnswer(Exception):  # noqa: N818 - names what happened, as the project's errors do
    """There is no answer, or not the whole of it; the text says why, of the server as "it".

    Attributes:
        fault: what it was.
        detail: what the system or OpenSSL said of it; may be empty.
    """

    def __init__(self, fault: Fault, text: str, detail: str) -> None:
        super().__init__(f"{text}: {detail}" if detail else text)
        self.fault = fault
        self.detail = detail


@contextmanager
def mapped(limits: RequestLimits) -> Iterator[None]:
    """Raise `NoAnswer` for whatever of `FAULTS` the block raises."""
    try:
        yield
    except FAULTS as error:
        raise explain(error, limits) from error


def explain(error: Exception, limits: RequestLimits) -> NoAnswer:
    """What `error`, one of `FAULTS`, stands for."""
    chain = list(_unwrap(error))
    for kinds, fault in _MEANINGS:
        for each in chain:
            if isinstance(each, kinds):
                text = str(each) if fault is Fault.ADDRESS else fault.value
                return NoAnswer(fault, text.format(limits=limits), _detail(chain))
    return NoAnswer(Fault.NO_REQUEST, Fault.NO_REQUEST.value, _detail(chain))


def _unwrap(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it was made of, which urllib3 and requests often put into `args`."""
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
