"""Every exception on the way to the endpoint has its failure."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import requests.exceptions as of_requests
import urllib3.exceptions as of_urllib3

from facelift.codes import OutcomeCode
from worker.endpoint.faults import cause, translate
from worker.http import NoAnswer, RequestLimits
from worker.http.exchange import Overdue
from worker.http.faults import FAULTS, explain, mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.errors import DeliveryFailed

KEY = "sk-canary-1234"
STUB: Any = None

OF_REQUESTS = [
    of_requests.InvalidProxyURL,
    of_requests.InvalidSchema,
    of_requests.InvalidURL,
    of_requests.MissingSchema,
]
"""What requests raises when it finds the way."""


def family(kind: type[Exception], module: str) -> Iterator[type[Exception]]:
    """`kind` and all that its own library derives from it."""
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == module:
            yield from family(each, module)


def failure_of(error: Exception, limits: RequestLimits) -> DeliveryFailed:
    return translate(explain(error, limits), host="host", limits=limits)


def caught(error: Exception) -> NoAnswer:
    with pytest.raises(NoAnswer) as raised, mapped(RequestLimits()):
        raise error
    return raised.value


def code_of(error: Exception) -> OutcomeCode:
    assert isinstance(error, FAULTS)
    failure = failure_of(error, RequestLimits())
    assert failure.sentence.endswith(".")
    assert "{" not in failure.sentence
    assert KEY not in str(failure)
    return failure.code


@pytest.mark.parametrize("kind", OF_REQUESTS)
def test_an_address_that_requests_refuses_is_a_failed_connection(
    kind: type[of_requests.RequestException],
) -> None:
    assert code_of(kind(KEY)) is OutcomeCode.CONNECTION_FAILED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (of_urllib3.ProxyError("no", OSError(111, "refused")), OutcomeCode.CONNECTION_FAILED),
        (of_urllib3.ConnectTimeoutError("late"), OutcomeCode.TIMEOUT),
        (of_urllib3.NewConnectionError(STUB, "refused"), OutcomeCode.CONNECTION_FAILED),
        (of_urllib3.ReadTimeoutError(STUB, "/", "late"), OutcomeCode.TIMEOUT),
        (of_urllib3.SSLError("untrusted"), OutcomeCode.TLS_FAILED),
        (of_urllib3.DecodeError("broken"), OutcomeCode.MALFORMED_RESPONSE),
        (of_urllib3.ProtocolError("lost"), OutcomeCode.CONNECTION_LOST),
        (of_urllib3.LocationParseError("what"), OutcomeCode.CONNECTION_FAILED),
    ],
)
def test_an_exception_of_urllib3_has_its_code(error: Exception, code: OutcomeCode) -> None:
    assert code_of(error) is code


@pytest.mark.parametrize(
    "kind", sorted(set(family(of_urllib3.HTTPError, of_urllib3.__name__)), key=str)
)
def test_every_exception_of_urllib3_is_a_failure(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = (KEY,)
    if not isinstance(error, of_urllib3.HTTPWarning):
        assert code_of(error)


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), OutcomeCode.DNS_FAILED),
        (ssl.SSLCertVerificationError(1, "untrusted"), OutcomeCode.TLS_FAILED),
        (TimeoutError("timed out"), OutcomeCode.TIMEOUT),
        (ConnectionResetError(104, "reset"), OutcomeCode.CONNECTION_LOST),
        (BrokenPipeError(32, "broken"), OutcomeCode.CONNECTION_LOST),
        (http.client.RemoteDisconnected("closed"), OutcomeCode.CONNECTION_LOST),
        (of_urllib3.IncompleteRead(1, 2), OutcomeCode.CONNECTION_LOST),
        (http.client.BadStatusLine("hello"), OutcomeCode.MALFORMED_RESPONSE),
        (http.client.IncompleteRead(b""), OutcomeCode.MALFORMED_RESPONSE),
        (of_urllib3.InvalidHeader("length"), OutcomeCode.MALFORMED_RESPONSE),
        (OSError(113, "no route"), OutcomeCode.CONNECTION_LOST),
    ],
)
@pytest.mark.parametrize("wrapped_by", ["argument", "cause"])
def test_what_an_exception_wraps_is_narrower_than_itself(
    inner: Exception, code: OutcomeCode, wrapped_by: str
) -> None:
    middle = of_urllib3.ProtocolError(
        "Connection aborted.", inner if wrapped_by == "argument" else 0
    )
    if wrapped_by == "cause":
        middle.__cause__ = inner
    assert code_of(of_urllib3.ProtocolError("lost", middle)) is code


def test_an_exception_handled_elsewhere_does_not_count() -> None:
    error = of_urllib3.ProtocolError("lost")
    error.__context__ = TimeoutError("of the caller's caller")
    assert code_of(error) is OutcomeCode.CONNECTION_LOST


def test_the_total_limit_is_named() -> None:
    failure = failure_of(Overdue("late"), RequestLimits(total=12.5))
    assert failure.code is OutcomeCode.TIMEOUT
    assert failure.sentence == "host had not answered in full after 12.5 s."


def test_an_exception_is_chained() -> None:
    error = of_urllib3.ProtocolError("reset")
    assert cause(caught(error), KEY) is error


@pytest.mark.parametrize(
    "error",
    [
        of_urllib3.ProtocolError("lost", http.client.BadStatusLine(f"Bearer {KEY}")),
        of_urllib3.LocationParseError("whatever it says"),
        of_requests.InvalidURL("http://me:password@proxy"),
    ],
)
def test_an_exception_that_may_show_a_secret_is_not_chained(error: Exception) -> None:
    assert cause(caught(error), KEY) is None
