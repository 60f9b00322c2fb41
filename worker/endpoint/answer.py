"""Turns an answer into a receipt or a failure: by its status; its text only explains."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from facelift.asset import Action
from facelift.codes import OutcomeCode
from facelift.ledger.replies import Quota
from worker.endpoint.pause import read_quota, requested_pause
from worker.endpoint.redact import presentable, shows
from worker.errors import DeliveryFailed, DeliveryRefused, RateLimited

_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_DONE = {Action.SET: "Delivered", Action.REMOVE: "Removed"}
_GATEWAY_STATUSES = {502, 504, 520, 522, 524}
"""A gateway had no answer, or none that it could read; the server behind it may still work on the
request. Those above 511 are Cloudflare's."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The endpoint did what was asked.

    Attributes:
        http_status: 2xx.
        message: what it said, in a sentence for a person.
        confirmed: whether it said so as documented; if not, the status alone did.
        quota: what it said of the rate limit.
    """

    http_status: int
    message: str
    confirmed: bool
    quota: Quota | None = None


def judge(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    url: str,
    api_key: str,
    now: float,
    action: Action = Action.SET,
) -> Receipt:
    """The receipt that an answer stands for.

    Args:
        status: HTTP status.
        headers: looked up in any case.
        body: as much of it as was read.
        url: where the request went.
        api_key: of the request; kept out of every sentence.
        now: Unix seconds.
        action: what was asked.

    Raises:
        DeliveryRefused: the endpoint refused it.
        DeliveryFailed: it failed.
        RateLimited: it asked for a pause.
    """
    quota = read_quota(headers, now)
    code = OutcomeCode.of_status(status)
    if action is Action.REMOVE and code is OutcomeCode.IMAGE_REFUSED:  # none was sent
        code = OutcomeCode.REJECTED
    envelope = _parse(body)
    said = presentable(_message(envelope), api_key)
    sentence = _sentence(f"The endpoint answered {status}", said or _PHRASES.get(status, ""))
    match status // 100:
        case 2:
            if isinstance(envelope, dict) and isinstance(envelope.get("message"), str):
                return Receipt(status, _sentence(_DONE[action], said), confirmed=True, quota=quota)
            sentence = f"{_DONE[action]} ({status}), without the documented confirmation."
            return Receipt(status, sentence, confirmed=False, quota=quota)
        case 3:
            host = _redirect_host(headers.get("Location", ""), url, api_key)
            sentence = f"The endpoint redirects{host and f' to {host}'} ({status}); not followed."
            raise DeliveryRefused(code, sentence, http_status=status, quota=quota)
        case 4 if code is OutcomeCode.RATE_LIMITED:
            pause = requested_pause(headers, now)
            raise RateLimited(code, sentence, retry_after=pause, quota=quota)
        case 4 if not code.is_retryable:
            raise DeliveryRefused(code, sentence, http_status=status, quota=quota)
        case 4 | 5:
            may_arrive = status in _GATEWAY_STATUSES
            raise DeliveryFailed(
                code, sentence, may_arrive=may_arrive, http_status=status, quota=quota
            )
        case _:
            sentence = f"The endpoint answered {status}, which is no final HTTP status."
            raise DeliveryFailed(code, sentence, may_arrive=True, http_status=status, quota=quota)


def _sentence(what: str, said: str) -> str:
    sentence = f"{what}: {said}" if said else what
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _message(envelope: object) -> str:
    """The text in v1's envelope, v2's, or `{"error": "text"}`; else nothing."""
    match envelope:
        case (
            {"message": str(text)}
            | {"error": {"message": str(text)}}
            | {"error": str(text)}
            | {"error": {"code": str(text)}}
        ):
            return text
    return ""


def _redirect_host(location: str, url: str, api_key: str) -> str:
    """The host alone: the rest of the address may hold what is not ours to keep."""
    if not location or shows(api_key, location):
        return ""
    try:
        return presentable(urlsplit(urljoin(url, location)).hostname or "", api_key)
    except ValueError:
        return ""
