"""One request: reads it, judges it, and responds as usual or as a rule says.

It is checked in this order: path (404), method (405), key (401), rate (429), form or
query (400), chatbot (404), image (400). The form or query is read before any response but
the first two, so that the log names the chatbot of a refused request. Requests that fail
the checks of key and rate use up no rule.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from aiohttp import BodyPartReader, content_disposition_filename, parse_content_disposition, web
from aiohttp.http_exceptions import HttpProcessingError

from sandbox.endpoint import responses
from sandbox.endpoint.image_check import image_problem
from sandbox.endpoint.operations import BY_PATH
from sandbox.endpoint.request_log import StoredImage
from sandbox.endpoint.responses import documented
from sandbox.endpoint.rules import (
    ApplyLate,
    CloseAfterAccept,
    CloseBeforeRead,
    Delay,
    HugeBody,
    Reset,
    ResponseRule,
    Trickle,
    TruncatedBody,
)
from sandbox.endpoint.state import key_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.endpoint.operations import Operation
    from sandbox.endpoint.rules import Rule
    from sandbox.endpoint.state import EndpointState

_CHATBOT_ID_LIMIT = 1_000
_CHATBOT_ID_CHUNK = 256  # aiohttp reads one chunk ahead, which must not hold the image
_IMAGE_CHUNK = 65_536
_CHATBOT_FIELD = "chatbotId"

# Parsing it takes as long as all else in a small upload, and clients repeat it.
_parse_disposition = lru_cache(maxsize=1_000)(parse_content_disposition)


class Exchange:
    """A request in flight and its response; fills in its entry in the log."""

    def __init__(self, request: web.Request, state: EndpointState) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        self._key = key.strip() if scheme.lower() == "bearer" else ""
        self._request = request
        self._state = state
        self._log = state.log  # a reset may replace it while the request is in flight
        label = key_label(self._key) if self._key else None
        self._operation = BY_PATH.get(request.path)
        self._arrival = self._log.begin(request.method, request.path, label, self._operation)
        self._take_rule: Callable[[str], Rule | None] = lambda _: None
        self._rule: Rule | None = None
        self._image: StoredImage | None = None
        self._fields: set[str] = set()
        self._field_problem: str | None = None
        self._image_problem: str | None = None

    async def serve(self) -> web.StreamResponse:
        """Respond; the request is in flight until then."""
        operation = self._operation
        try:
            if operation and self._request.method == operation.method:
                return await self._respond(operation, await self._judge(operation))
            response = documented(405 if operation else 404)
            if operation:
                response.headers["Allow"] = operation.method
            self._arrival.reason = response.reason
            return await self._send(response)
        except ConnectionError:  # the client has gone
            return await responses.close(self._request)
        finally:
            self._log.end(self._arrival)

    async def _judge(self, operation: Operation) -> web.Response:
        """The response to a request that meets no rule."""
        state, key = self._state, self._key
        rate = state.rate
        refusal, verdict = None, None
        if not state.keys.get(key):
            refusal = 401, "wrong API key" if key else "no API key"
        elif state.limit and not (verdict := state.limit.count(key)).allowed:
            refusal = 429, "over the rate limit"
        else:
            place = list(state.keys).index(key)
            self._take_rule = partial(state.rules.take, key=place, operation=operation)
        problem = await self._read(operation)
        status, self._arrival.reason = refusal or problem or (200, None)
        # Only v2's reference has the answer to a key that is wrong; v1's is for none.
        is_wrong_key = status == 401 and key  # noqa: PLR2004 - unauthorized
        response = documented(status, operation, envelope="v2" if is_wrong_key else "v1")
        if rate and verdict:
            reset = time.time() + verdict.wait
            responses.add_rate_limit(response, rate.requests, verdict.remaining, reset)
            if not verdict.allowed:
                response.headers["Retry-After"] = str(math.ceil(verdict.wait))
        return response

    async def _read(self, operation: Operation) -> tuple[int, str] | None:
        """Read the query and the body; the status and reason of a refusal, or None."""
        try:
            if operation.file_field:
                unreadable = await self._read_form(operation.file_field)
            else:
                unreadable = await self._read_query()
        except web.HTTPRequestEntityTooLarge:
            return 413, "the body, or a part of the form, is far too large"
        except (ValueError, RuntimeError, HttpProcessingError) as error:
            unreadable = f"the form is malformed: {error}"
        if unreadable:
            return 400, unreadable
        self._arrival.body_at = time.monotonic()
        if self._arrival.chatbot_id is None:
            return 400, "chatbotId is missing, blank or too long"
        if self._field_problem:
            return 400, self._field_problem
        if not self._state.knows(self._arrival.chatbot_id):
            return 404, "there is no such chatbot"
        return (400, self._image_problem) if self._image_problem else None

    async def _read_query(self) -> str | None:
        """Read what names the chatbot of a removal; why it cannot be read, or None."""
        for name, value in self._request.query.items():
            if self._is_expected(name, _CHATBOT_FIELD):
                await self._identify(value)
        if self._request.body_exists:
            await self._request.read()
            return "a removal has no body"
        return None

    async def _read_form(self, file_field: str) -> str | None:
        """Read the form of an upload; why there is none, or None."""
        if self._request.content_type != "multipart/form-data":
            return "the body is not multipart/form-data"
        if self._request.query_string:
            self._field_problem = "an upload has no query"
        self._image_problem = f"{file_field} is missing"
        async for part in await self._request.multipart():
            if isinstance(part, BodyPartReader):
                await self._read_part(part, file_field)
        return None

    async def _read_part(self, part: BodyPartReader, file_field: str) -> None:
        _, parameters = _parse_disposition(part.headers.get("Content-Disposition"))
        name = content_disposition_filename(parameters, "name")
        if not self._is_expected(name, _CHATBOT_FIELD, file_field):
            return
        if name == _CHATBOT_FIELD:
            part.chunk_size = _CHATBOT_ID_CHUNK
            await self._identify((await part.read()).decode())
        else:
            part.chunk_size = _IMAGE_CHUNK
            if isinstance(self._rule, Reset):
                await part.read_chunk()
                await responses.close(self._request, reset=True)
            content_type = part.headers.get("Content-Type", "")
            data = bytes(await part.read())
            self._image = StoredImage(content_type, hashlib.sha256(data).hexdigest(), data)
            self._arrival.sha256, self._arrival.size = self._image.sha256, len(data)
            self._image_problem = f"{file_field} is not a file: it has no file name"
            if content_disposition_filename(parameters):
                self._image_problem = image_problem(data, content_type)

    def _is_expected(self, name: str | None, *expected: str) -> bool:
        """Whether a field is one of these and comes for the first time; notes it if not."""
        if name not in expected:
            self._field_problem = f"there is no field {name!r}; there is {' and '.join(expected)}"
        elif name in self._fields:
            self._field_problem = f"{name} comes more than once"
        else:
            self._fields.add(name)
            return True
        return False

    async def _identify(self, chatbot_id: str) -> None:
        if not chatbot_id.strip() or len(chatbot_id) > _CHATBOT_ID_LIMIT:
            return

        def is_closed() -> bool:
            return self._request.transport is None or self._request.transport.is_closing()

        self._log.identify(self._arrival, chatbot_id, is_closed)
        self._rule = self._take_rule(chatbot_id)
        if self._rule is not None:
            self._arrival.fault = self._rule.fault
        if isinstance(self._rule, CloseBeforeRead):
            await responses.close(self._request)

    async def _respond(self, operation: Operation, usual: web.Response) -> web.StreamResponse:
        """Respond as usual after the latency, or as the rule says."""
        request, rule = self._request, self._rule
        if isinstance(rule, Reset | CloseBeforeRead):
            await responses.close(request, reset=isinstance(rule, Reset))
        is_good = usual.status == 200  # noqa: PLR2004 - HTTP's own number
        if isinstance(rule, ResponseRule):
            usual = responses.apply_rule(rule, usual, operation, time.time())
        if is_good and isinstance(rule, ApplyLate):
            # The client's leaving cancels this request, and not what was accepted.
            loop = asyncio.get_running_loop()
            loop.call_later(rule.seconds, self._log.apply, self._arrival, self._image)
        elif is_good and usual.status // 100 == 2:  # noqa: PLR2004 - 2xx
            self._log.apply(self._arrival, self._image)
        match rule:
            case None:
                await asyncio.sleep(self._state.latency)
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case ApplyLate(seconds=seconds, meanwhile="wait"):
                await asyncio.sleep(seconds)
                await responses.close(request)
            case CloseAfterAccept() | ApplyLate(meanwhile="close"):
                await responses.close(request)
        return await self._send(usual)

    async def _send(self, usual: web.Response) -> web.StreamResponse:
        """Send a response, in the way of the rule."""
        request = self._request
        response: web.StreamResponse = usual
        self._arrival.status = usual.status
        match self._rule:
            case Trickle(seconds=seconds, part=part):
                await responses.send_slowly(request, usual, seconds, headers_too=part == "headers")
                self._arrival.answered_at = time.monotonic()
                await responses.close(request)
            case TruncatedBody():
                await responses.send_half(request, usual)
            case HugeBody(size=size):
                response = await responses.send_huge(request, usual, size)
            case _:
                await responses.send(request, usual)
        self._arrival.answered_at = time.monotonic()
        return response
