"""What a try may come to, by its code or by the endpoint's HTTP status, and what that means.

It is said with the worker's own words: an answer is the documented one, judged as
a worker judges it.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from facelift.codes import OutcomeCode
from sandbox.endpoint.answers import UPLOAD_PATH, documented
from worker.endpoint.answer import Answer, Receipt, judge
from worker.errors import (
    DeliveryFailed,
    Failure,
    ImageRejected,
    PermanentFailure,
    RetryableFailure,
    StoreUnavailable,
)

OutcomeLike: TypeAlias = "Outcome | OutcomeCode | str | int"
"""An outcome; or its code, such as `"image_not_square"`; or an HTTP status, such as 503."""

_STATUS = {
    OutcomeCode.DELIVERED: 200,
    OutcomeCode.BAD_REQUEST: 400,
    OutcomeCode.UNAUTHORIZED: 401,
    OutcomeCode.FORBIDDEN: 403,
    OutcomeCode.CHATBOT_NOT_FOUND: 404,
    OutcomeCode.ENDPOINT_GONE: 410,
    OutcomeCode.IMAGE_REFUSED: 422,
    OutcomeCode.UNEXPECTED_REDIRECT: 302,
    OutcomeCode.REJECTED: 409,
    OutcomeCode.SERVER_ERROR: 500,
    OutcomeCode.TOO_EARLY: 425,
    OutcomeCode.RATE_LIMITED: 429,
}
_WITHOUT_ANSWER = {
    OutcomeCode.TIMEOUT,
    OutcomeCode.CONNECTION_FAILED,
    OutcomeCode.CONNECTION_LOST,
    OutcomeCode.DNS_FAILED,
    OutcomeCode.TLS_FAILED,
    OutcomeCode.MALFORMED_RESPONSE,
}
_WITHOUT_REQUEST: dict[OutcomeCode, type[Failure]] = {
    OutcomeCode.UNKNOWN_ACCOUNT: PermanentFailure,
    OutcomeCode.UNKNOWN_STORE: PermanentFailure,
    OutcomeCode.IMAGE_STORE_UNAVAILABLE: StoreUnavailable,
    OutcomeCode.INTERNAL_ERROR: RetryableFailure,
} | {
    code: ImageRejected
    for code in OutcomeCode
    if code.startswith("image_")
    and code not in {OutcomeCode.IMAGE_REFUSED, OutcomeCode.IMAGE_STORE_UNAVAILABLE}
}
# What one try alone cannot come to, but the same one again and again.
_COMES_OF = {
    OutcomeCode.RETRIES_EXHAUSTED: OutcomeCode.SERVER_ERROR,
    OutcomeCode.CRASH_LOOP: OutcomeCode.WORKER_LOST,
}
_NOT_OF_A_TRY = {
    OutcomeCode.EXPIRED: "let the time pass with advance()",
    OutcomeCode.SUPERSEDED: "enqueue a newer picture of the chatbot, and run that",
    OutcomeCode.CANCELLED: "cancel the job with the client",
    OutcomeCode.INVALID_JOB: "it is for messages that are no job; enqueue() raises InvalidJob",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try comes to.

    Attributes:
        code: from the stable list.
        http_status: what the endpoint answers, if it answers.
        retry_after: seconds that it asks to wait; with `rate_limited` only.

    Raises:
        ValueError: no try comes to this; the message says what would be right.
    """

    code: OutcomeCode
    http_status: int | None = None
    retry_after: float | None = None

    def __post_init__(self) -> None:
        code = _code(self.code)
        if code in _NOT_OF_A_TRY:
            raise ValueError(f"{code} is not what a try comes to: {_NOT_OF_A_TRY[code]}")
        code = _COMES_OF.get(code, code)
        object.__setattr__(self, "code", code)
        if self.http_status is None:
            object.__setattr__(self, "http_status", _STATUS.get(code))
        elif _judge(self.http_status)[0] is not code:
            raise ValueError(f"the endpoint's answer {self.http_status} does not mean {code}")
        if self.retry_after is not None and code is not OutcomeCode.RATE_LIMITED:
            raise ValueError("retry_after goes with rate_limited only")

    @classmethod
    def of(cls, like: OutcomeLike) -> Outcome:
        """Make one of a code or an HTTP status.

        Raises:
            ValueError: it is none.
        """
        if isinstance(like, Outcome):
            return like
        if isinstance(like, int):
            if like not in frozenset(HTTPStatus):
                raise ValueError(f"{like} is no HTTP status")
            return cls(_judge(like)[0], http_status=like)
        return cls(_code(like))

    @property
    def needs_request(self) -> bool:
        """Whether the endpoint is asked."""
        return self.http_status is not None or self.code in _WITHOUT_ANSWER

    @property
    def result(self) -> Receipt | Failure:
        """What a worker makes of it."""
        if self.http_status is not None:
            return _judge(self.http_status, self.retry_after)[1]
        sentence = f"As the test has it: {self.code}."
        return _WITHOUT_REQUEST.get(self.code, DeliveryFailed)(self.code, sentence)


def _code(name: str) -> OutcomeCode:
    try:
        return OutcomeCode(name)
    except ValueError:
        scriptable = ", ".join(code for code in OutcomeCode if code not in _NOT_OF_A_TRY)
        raise ValueError(f"{name!r} is no outcome; there are: {scriptable}") from None


def _judge(status: int, retry_after: float | None = None) -> tuple[OutcomeCode, Receipt | Failure]:
    sent = documented(status)
    headers = dict(sent.headers)
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    try:
        receipt = judge(
            Answer(status, headers, sent.body),
            url=f"https://endpoint.test{UPLOAD_PATH}",
            api_key="the key of the test kit",
            now=0,
        )
    except Failure as failure:
        return failure.code, failure
    return OutcomeCode.DELIVERED, receipt
