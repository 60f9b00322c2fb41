"""One upload: read its form, judge it, answer as usual or as a rule wants it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import (
    BodyPartReader,
    content_disposition_filename,
    parse_content_disposition,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from sandbox.endpoint import wire
from sandbox.endpoint.answers import UPLOADED, Answer, changed, documented
from sandbox.endpoint.picture import fault
from sandbox.endpoint.request_log import Picture
from sandbox.endpoint.rules import (
    Answering,
    CloseAfterAccept,
    CloseBeforeRead,
    CutResponse,
    Delay,
    Drip,
    HugeBody,
    Reset,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sandbox.endpoint.request_log import Arrival, Memory

_CHATBOT_ID_LIMIT = 1_000
_CHATBOT_ID_CHUNK = 256  # aiohttp reads ahead by one, which should not be the picture
_PICTURE_CHUNK = 65_536


@lru_cache(maxsize=1_000)
def _names(content_disposition: str | None) -> tuple[str | None, str | None]:
    """The field's name and the file's name.

    Cached, as reading them costs more than anything else in a small upload, and
    one client's uploads hardly differ here.
    """
    _, parameters = parse_content_disposition(content_disposition)
    return (
        content_disposition_filename(parameters, "name"),
        content_disposition_filename(parameters, "filename"),
    )


class Upload:
    """An upload under way.

    Args:
        request: the request.
        arrival: its entry in the log, filled in here.
        memory: where it is remembered.
        take_rule: gives the rule for a chatbot, as soon as the chatbot is known.
    """

    def __init__(
        self,
        request: web.Request,
        arrival: Arrival,
        memory: Memory,
        take_rule: Callable[[str], Rule | None],
    ) -> None:
        self._request = request
        self._arrival = arrival
        self._memory = memory
        self._take_rule = take_rule
        self._rule: Rule | None = None
        self._picture: Picture | None = None
        self._picture_fault: str | None = "profilePictureFile is missing"

    async def read(self, known_chatbots: Collection[str] | None) -> Answer:
        """Read the form; the usual answer to it."""
        if self._request.content_type != "multipart/form-data":
            return documented(400, "the body is no multipart/form-data")
        try:
            async for part in await self._request.multipart():
                if isinstance(part, BodyPartReader):
                    await self._read_part(part)
        except web.HTTPRequestEntityTooLarge:
            return documented(413, "a part of the form is far too large")
        except (ValueError, RuntimeError, HttpProcessingError) as error:
            return documented(400, f"the form is malformed: {error}")
        self._memory.body_complete(self._arrival)
        return self._judge(known_chatbots)

    def _judge(self, known_chatbots: Collection[str] | None) -> Answer:
        if self._arrival.chatbot_id is None:
            return documented(400, "chatbotId is missing, blank or over-long")
        if known_chatbots is not None and self._arrival.chatbot_id not in known_chatbots:
            return documented(404, "there is no such chatbot")
        if self._picture_fault:
            return documented(400, self._picture_fault)
        return UPLOADED

    async def _read_part(self, part: BodyPartReader) -> None:
        name, filename = _names(part.headers.get("Content-Disposition"))
        if name == "chatbotId" and self._arrival.chatbot_id is None:
            part.chunk_size = _CHATBOT_ID_CHUNK
            chatbot_id = (await part.read()).decode()
            if chatbot_id.strip() and len(chatbot_id) <= _CHATBOT_ID_LIMIT:
                await self._chatbot_is(chatbot_id)
        elif name == "profilePictureFile":
            part.chunk_size = _PICTURE_CHUNK
            if isinstance(self._rule, Reset):
                await part.read_chunk()
                await wire.hang_up(self._request, reset=True)
            content_type = part.headers.get("Content-Type", "")
            self._picture_is(bytes(await part.read()), filename, content_type)

    async def _chatbot_is(self, chatbot_id: str) -> None:
        self._memory.name(self._arrival, chatbot_id, self._is_closed)
        self._rule = self._take_rule(chatbot_id)
        if self._rule is not None:
            self._arrival.fault = self._rule.fault
        if isinstance(self._rule, CloseBeforeRead):
            await wire.hang_up(self._request)

    def _picture_is(self, data: bytes, filename: str | None, content_type: str) -> None:
        if filename:
            self._picture_fault = fault(data, content_type)
        else:
            self._picture_fault = "profilePictureFile is no file: it has no file name"
        self._picture = Picture(content_type, hashlib.sha256(data).hexdigest(), data)
        self._arrival.sha256, self._arrival.size = self._picture.sha256, len(data)

    def _is_closed(self) -> bool:
        return self._request.transport is None or self._request.transport.is_closing()

    async def answer(self, usual: Answer, latency: float) -> web.StreamResponse:
        """Answer as usual after `latency` seconds, or do what the rule says."""
        request, arrival, rule = self._request, self._arrival, self._rule
        if isinstance(rule, Reset | CloseBeforeRead):
            await wire.hang_up(request, reset=isinstance(rule, Reset))
        answer = changed(usual, rule, time.time()) if isinstance(rule, Answering) else usual
        if usual.is_success and answer.is_success and self._picture:
            self._memory.take(arrival, self._picture)
        if isinstance(rule, CloseAfterAccept):
            await wire.hang_up(request)
        if rule is None or isinstance(rule, Delay):
            await asyncio.sleep(rule.seconds if rule else latency)
        arrival.status, arrival.reason = answer.status, answer.reason
        response: web.StreamResponse
        match rule:
            case Drip():
                await wire.drip(request, answer, rule.seconds, headers_too=rule.part == "headers")
                self._memory.answered(arrival)
                await wire.hang_up(request)
            case CutResponse():
                await wire.send_half(request, answer)
            case HugeBody():
                response = await wire.flood(request, answer, rule.size)
            case _:
                response = await wire.send(request, answer)
        self._memory.answered(arrival)
        return response
