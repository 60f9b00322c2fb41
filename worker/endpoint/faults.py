"""Says which failure of a delivery it is that the endpoint gave no answer."""

import traceback

from facelift.codes import OutcomeCode
from worker.endpoint.redact import shows
from worker.errors import DeliveryFailed
from worker.http import Fault, NoAnswer, RequestLimits

_MEANINGS = {
    Fault.OVERDUE: (
        OutcomeCode.TIMEOUT,
        "{host} had not answered in full after {limits.total:g} s",
    ),
    Fault.PROXY: (
        OutcomeCode.CONNECTION_FAILED,
        "The proxy could not be reached, or does not connect to {host}",
    ),
    Fault.NAME: (OutcomeCode.DNS_FAILED, "The name {host} could not be resolved"),
    Fault.ADDRESS: (
        OutcomeCode.CONNECTION_FAILED,
        "{host} was not connected to: its address is a cloud's metadata service, or link-local",
    ),
    Fault.NO_CONNECTION: (OutcomeCode.CONNECTION_FAILED, "No connection to {host} could be made"),
    Fault.CONNECT_TIMEOUT: (
        OutcomeCode.TIMEOUT,
        "{host} took no connection within {limits.connect:g} s",
    ),
    Fault.SILENCE: (OutcomeCode.TIMEOUT, "{host} did not answer in time"),
    Fault.TLS: (OutcomeCode.TLS_FAILED, "No trusted TLS connection to {host} could be made"),
    Fault.CUT_SHORT: (
        OutcomeCode.CONNECTION_LOST,
        "The connection to {host} was lost before the answer was complete",
    ),
    Fault.MALFORMED: (
        OutcomeCode.MALFORMED_RESPONSE,
        "What {host} answered is no whole HTTP response",
    ),
    Fault.LOST: (OutcomeCode.CONNECTION_LOST, "The connection to {host} was lost"),
}
_NOTHING_SENT = {
    Fault.PROXY,
    Fault.NAME,
    Fault.ADDRESS,
    Fault.NO_CONNECTION,
    Fault.CONNECT_TIMEOUT,
    Fault.NO_REQUEST,
}
_OTHERWISE = (
    OutcomeCode.CONNECTION_FAILED,
    "The request could not be made; the address of {host} or of a proxy may be wrong",
)


def translate(error: NoAnswer, *, host: str, limits: RequestLimits) -> DeliveryFailed:
    """The failure that no answer from `host` is."""
    code, sentence = _MEANINGS.get(error.fault, _OTHERWISE)
    tail = f": {error.detail}." if error.detail else "."
    return DeliveryFailed(
        code,
        sentence.format(host=host, limits=limits) + tail,
        may_arrive=error.fault not in _NOTHING_SENT,
    )


def cause(error: NoAnswer, api_key: str) -> BaseException | None:
    """What `error` was raised from, to be chained; None if its traceback must not be seen.

    The exception about a response that is no HTTP quotes it, and the response may quote our
    key. A ValueError quotes what it refuses, such as a URL with its password.
    """
    found = error.__cause__
    if found is None or isinstance(found, ValueError):
        return None
    return None if shows(api_key, "".join(traceback.format_exception(found))) else found
