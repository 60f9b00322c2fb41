"""The answers: the documented ones, and how a rule changes them. Nothing is sent here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.endpoint.rules import Answering

UPLOAD_PATH = "/api/v1/upload-chatbot-profile-picture"

_MESSAGES = {
    200: "Chatbot Profile Picture uploaded successfully.",
    400: "Invalid request data",
    401: "No API key provided.",
    403: "Access denied or quota exceeded",
    404: "Resource not found",
    500: "Internal server error",
}
"""As the public references of v1 have them, 403 from the endpoint's siblings."""

_V2_ERRORS = {
    401: ("AUTH_INVALID_API_KEY", "Invalid API key"),
    403: ("SUBSCRIPTION_API_RESTRICTED_PLAN", "API access is not part of this plan"),
    429: ("RATE_LIMIT_TOO_MANY_REQUESTS", "Too many requests, please try again later"),
}
"""Codes and the last message as in v2's public reference."""

_V2_RATE_LIMIT = 100
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to send.

    Attributes:
        status: HTTP status.
        body: as sent.
        content_type: of the body.
        headers: further ones.
        reason: why it is no success, for a person; not sent.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the definition of 2xx

    @property
    def phrase(self) -> str:
        """The status's reason phrase."""
        return HTTPStatus(self.status).phrase if self.status in _STATUSES else "Unknown"


_STATUSES = frozenset(HTTPStatus)


def _json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    return json.dumps(value, separators=(",", ":")).encode()


def documented(status: int, reason: str | None = None, *, envelope: str = "v1") -> Answer:
    """The answer with this status as the references have it; 429 only v2's has."""
    name = HTTPStatus(status).name if status in _STATUSES else "UNKNOWN"
    if envelope == "v2" or status == HTTPStatus.TOO_MANY_REQUESTS:
        code, message = _V2_ERRORS.get(status, (name, name.replace("_", " ").capitalize()))
        body: dict[str, Any] = {"error": {"code": code, "message": message}}
    else:
        body = {"message": _MESSAGES.get(status, name.replace("_", " ").capitalize())}
    headers = {"Location": UPLOAD_PATH} if status // 100 == 3 else {}  # noqa: PLR2004 - 3xx
    return Answer(status, _json(body), headers=headers, reason=reason)


UPLOADED = documented(200)


def changed(usual: Answer, rule: Answering, wall: float) -> Answer:
    """The usual answer as a rule wants it at this Unix time."""
    answer = usual
    if rule.status is not None:
        answer = documented(rule.status, envelope=rule.envelope)
    if isinstance(rule.body, str):
        answer = replace(answer, body=rule.body.encode())
    elif rule.body is not None:
        answer = replace(answer, body=_json(rule.body))
    if answer.status in _WITHOUT_BODY:
        answer = replace(answer, body=b"")
    headers = usual.headers | answer.headers
    if rule.retry_after is not None:
        headers["Retry-After"] = str(rule.retry_after)
    if rule.retry_after_date is not None:
        headers["Retry-After"] = formatdate(math.ceil(wall + rule.retry_after_date), usegmt=True)
    if rule.ratelimit_reset is not None:
        factor = 1000 if rule.ratelimit_reset_unit == "ms" else 1
        headers |= limit_headers(_V2_RATE_LIMIT, 0, (wall + rule.ratelimit_reset) * factor)
    return replace(
        answer,
        headers=headers | rule.headers,
        content_type=rule.content_type or answer.content_type,
    )


def limit_headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    """v2's headers of the rate limit, with its reset as a Unix time, rounded up."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(math.ceil(reset)),
    }
