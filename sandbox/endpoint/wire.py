"""How an answer, or none, goes onto the connection, byte by byte where it must.

Functions that return `NoReturn` close the connection, and end when the server
cancels the request with it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, NoReturn

from aiohttp import web
from multidict import CIMultiDict

if TYPE_CHECKING:
    from sandbox.endpoint.answers import Answer

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = b"x" * 65_536


async def hang_up(request: web.Request, *, reset: bool = False) -> NoReturn:
    """Close the connection with nothing more to say, with RST if `reset`."""
    if (transport := request.transport) is not None:
        if reset:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
        else:
            transport.close()
    await asyncio.Event().wait()
    raise AssertionError("a request outlived its connection")


async def send(request: web.Request, answer: Answer) -> web.Response:
    """Send the answer as it should be."""
    response = web.Response(
        status=answer.status, reason=answer.phrase, body=answer.body, headers=_headers(answer)
    )
    await response.prepare(request)
    await response.write_eof()
    return response


async def send_half(request: web.Request, answer: Answer) -> NoReturn:
    """Send half of the body that was announced, and close."""
    _write(request, _head(answer) + answer.body[: len(answer.body) // 2])
    await hang_up(request)


async def drip(request: web.Request, answer: Answer, seconds: float, *, headers_too: bool) -> None:
    """Send the answer a byte every `seconds`; the connection cannot be used again."""
    head = _head(answer)
    at_once, slowly = (b"", head + answer.body) if headers_too else (head, answer.body)
    _write(request, at_once)
    for byte in slowly:
        await asyncio.sleep(seconds)
        _write(request, bytes((byte,)))


async def flood(request: web.Request, answer: Answer, size: int | None) -> web.StreamResponse:
    """Send a body of `size` bytes, or one that never ends, in place of the answer's own."""
    response = web.StreamResponse(
        status=answer.status, reason=answer.phrase, headers=_headers(answer)
    )
    response.content_length = size
    await response.prepare(request)
    left = size
    while left is None or left > 0:
        chunk = _CHUNK if left is None else _CHUNK[:left]
        await response.write(chunk)
        await asyncio.sleep(0)  # writing waits only for a slow client, and others wait for us
        left = left and left - len(chunk)
    await response.write_eof()
    return response


def _headers(answer: Answer) -> CIMultiDict[str]:
    headers = CIMultiDict({"Content-Type": answer.content_type})
    headers.update(answer.headers)
    return headers


def _head(answer: Answer) -> bytes:
    headers = CIMultiDict({"Content-Length": str(len(answer.body)), "Connection": "close"})
    headers.update(_headers(answer))
    lines = [f"HTTP/1.1 {answer.status} {answer.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _write(request: web.Request, data: bytes) -> None:
    if request.transport is not None:
        request.transport.write(data)
