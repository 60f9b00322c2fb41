"""Responses: the documented ones, how a rule changes them, and how they are sent.

A response that is not to be well-formed is written to the connection byte by byte.
"""

import asyncio
import json
import math
import socket
import struct
from email.utils import formatdate
from http.client import responses as phrases
from typing import NoReturn

from aiohttp import web

from sandbox.endpoint.operations import Operation
from sandbox.endpoint.rules import ResponseRule

_MESSAGES = {
    400: "Invalid request data",
    401: "No API key provided.",
    403: "Access denied or quota exceeded",
    404: "Resource not found",
    500: "Internal server error",
}
"""From the public references of v1; 403 from the endpoint's siblings."""

_V2_ERRORS = {
    401: ("AUTH_INVALID_API_KEY", "Invalid API key"),
    403: ("SUBSCRIPTION_API_RESTRICTED_PLAN", "API access is not part of this plan"),
    429: ("RATE_LIMIT_TOO_MANY_REQUESTS", "Too many requests, please try again later"),
}
"""Codes and the last message from v2's public reference."""

_V2_RATE_LIMIT = 100
_WITHOUT_BODY = (204, 304)
_CHUNK = b"x" * 65_536


def documented(
    status: int, operation: Operation | None = None, *, envelope: str = "v1"
) -> web.Response:
    """The response with this status as the references have it; only v2's has 429.

    Where they have no text, it is the status's own phrase.
    """
    phrase = phrases.get(status, "Unknown")
    if envelope == "v2" or status == 429:  # noqa: PLR2004 - HTTP's own number
        code = phrase.upper().replace(" ", "_")
        code, message = _V2_ERRORS.get(status, (code, phrase.capitalize()))
        body: object = {"error": {"code": code, "message": message}}
    else:
        message = _MESSAGES.get(status, phrase.capitalize())
        if operation and status == 200:  # noqa: PLR2004 - HTTP's own number
            message = operation.message or phrase
        body = {"message": message}
    response = web.Response(
        status=status,
        reason=phrase,
        body=json.dumps(body).encode(),
        content_type="application/json",
    )
    if operation and 300 <= status < 400:  # noqa: PLR2004 - the definition of 3xx
        response.headers["Location"] = operation.path
    return response


def apply_rule(
    rule: ResponseRule, usual: web.Response, operation: Operation, wall: float
) -> web.Response:
    """The usual response changed by a rule, at this Unix time."""
    response = usual
    if rule.status is not None:
        response = documented(rule.status, operation, envelope=rule.envelope)
        for name in usual.headers.keys() - response.headers.keys():
            response.headers[name] = usual.headers[name]
    if rule.body is not None:
        text = rule.body if isinstance(rule.body, str) else json.dumps(rule.body)
        response.body = text.encode()
    if response.status in _WITHOUT_BODY:
        response.body = b""
    if rule.content_type:
        response.headers["Content-Type"] = rule.content_type
    if rule.retry_after is not None:
        response.headers["Retry-After"] = str(rule.retry_after)
    if rule.retry_after_date is not None:
        date = formatdate(math.ceil(wall + rule.retry_after_date), usegmt=True)
        response.headers["Retry-After"] = date
    if rule.ratelimit_reset is not None:
        factor = 1000 if rule.ratelimit_reset_unit == "ms" else 1
        add_rate_limit(response, _V2_RATE_LIMIT, 0, (wall + rule.ratelimit_reset) * factor)
    response.headers.update(rule.headers)
    return response


def add_rate_limit(response: web.Response, limit: int, remaining: int, reset: float) -> None:
    """Add v2's headers of the rate limit, with its reset as a Unix time, rounded up."""
    response.headers["X-RateLimit-Limit"] = str(limit)
    response.headers["X-RateLimit-Remaining"] = str(remaining)
    response.headers["X-RateLimit-Reset"] = str(math.ceil(reset))


async def send(request: web.Request, response: web.StreamResponse) -> None:
    """Send a response in full, so that the caller knows when that is done."""
    await response.prepare(request)
    await response.write_eof()


async def send_half(request: web.Request, response: web.Response) -> NoReturn:
    """Send half of the body that `Content-Length` announces, and close."""
    head, body = _encode(response)
    _write(request, head + body[: len(body) // 2])
    await close(request)


async def send_slowly(
    request: web.Request, response: web.Response, seconds: float, *, headers_too: bool
) -> None:
    """Send a byte every `seconds`; the connection cannot be used again."""
    head, body = _encode(response)
    at_once, slowly = (b"", head + body) if headers_too else (head, body)
    _write(request, at_once)
    for byte in slowly:
        await asyncio.sleep(seconds)
        _write(request, bytes((byte,)))


async def send_huge(
    request: web.Request, usual: web.Response, size: int | None
) -> web.StreamResponse:
    """Send a body of `size` bytes, or one without end, in place of the usual one."""
    response = web.StreamResponse(status=usual.status, reason=usual.reason, headers=usual.headers)
    response.content_length = size
    await response.prepare(request)
    left = math.inf if size is None else size
    while left > 0:
        chunk = _CHUNK[: int(min(left, len(_CHUNK)))]
        await response.write(chunk)
        await asyncio.sleep(0)  # write() waits only for a slow client, and others need a turn
        left -= len(chunk)
    await response.write_eof()
    return response


async def close(request: web.Request, *, reset: bool = False) -> NoReturn:
    """Close the connection, with RST if `reset`; ends when the server cancels the request."""
    if (transport := request.transport) is not None:
        if reset:
            connection = transport.get_extra_info("socket")
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()
    await asyncio.Event().wait()
    raise AssertionError("a request outlived its connection")


def _encode(response: web.Response) -> tuple[bytes, bytes]:
    """The bytes of the response's head and body."""
    body = bytes(response.body) if isinstance(response.body, bytes | bytearray) else b""
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode(), body


def _write(request: web.Request, data: bytes) -> None:
    if request.transport is not None:
        request.transport.write(data)
