"""One request: reads its form, judges it, and responds as usual or as a rule says.

It is checked in this order: path (404), method (405), key (401), rate (429), form and
fields (400), chatbot (404), image (400). The form is read before any response but the
first two, so that the log names the chatbot of a refused upload. Uploads that fail the
checks of key and rate use up no rule.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from functools import lru_cache, partial
from io import BytesIO
from typing import TYPE_CHECKING

from aiohttp import (
    BodyPartReader,
    content_disposition_filename,
    parse_content_disposition,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from sandbox.endpoint import responses
from sandbox.endpoint.request_log import StoredImage
from sandbox.endpoint.responses import UPLOAD_PATH, documented
from sandbox.endpoint.rules import (
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

    from sandbox.endpoint.rules import Rule
    from sandbox.endpoint.state import EndpointState

_CHATBOT_ID_LIMIT = 1_000
_CHATBOT_ID_CHUNK = 256  # aiohttp reads one chunk ahead, which must not hold the image
_IMAGE_CHUNK = 65_536
_IMAGE_LIMIT = 1_000_000
_READERS: dict[bytes, tuple[str, type[PngImageFile | JpegImageFile]]] = {
    b"\x89PNG\r\n\x1a\n": ("image/png", PngImageFile),
    b"\xff\xd8\xff": ("image/jpeg", JpegImageFile),
}

# Parsing it takes as long as all else in a small upload, and clients repeat it.
_parse_disposition = lru_cache(maxsize=1_000)(parse_content_disposition)


def image_problem(data: bytes, content_type: str) -> str | None:
    """Why the endpoint refuses an image with this content type; None if it accepts it.

    Reads the header and decodes nothing: it is cheap, and decompression bombs do no harm.
    """
    if len(data) >= _IMAGE_LIMIT:
        return f"image of {len(data):,} bytes is not under {_IMAGE_LIMIT:,}"
    known = next((known for magic, known in _READERS.items() if data.startswith(magic)), None)
    if known is None:
        return "image is neither PNG nor JPEG"
    true_type, reader = known
    if content_type != true_type:
        return f"image is {true_type} but came as {content_type or 'no content type'}"
    try:
        # Not Image.open: it warns of bombs, which are harmless without decoding.
        width, height = reader(BytesIO(data)).size
    except (OSError, SyntaxError, ValueError) as error:
        return f"image cannot be read: {error}"
    # An EXIF orientation can only swap the sides, and a square stays square.
    return None if width == height else f"image is {width} x {height}, not square"


class Upload:
    """A request in flight; fills in its entry in the log."""

    def __init__(self, request: web.Request, state: EndpointState) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        self._key = key.strip() if scheme.lower() == "bearer" else ""
        self._request = request
        self._state = state
        self._log = state.log  # a reset may replace it while the request is in flight
        label = key_label(self._key) if self._key else None
        self._arrival = self._log.begin(request.method, request.path, label)
        self._take_rule: Callable[[str], Rule | None] = lambda _: None
        self._rule: Rule | None = None
        self._image: StoredImage | None = None
        self._image_problem: str | None = "profilePictureFile is missing"

    async def serve(self) -> web.StreamResponse:
        """Respond; the request is in flight until then."""
        try:
            is_upload = self._request.path == UPLOAD_PATH
            if is_upload and self._request.method == "POST":
                return await self._respond(await self._judge())
            response = documented(405 if is_upload else 404)
            if is_upload:
                response.headers["Allow"] = "POST"
            self._arrival.reason = response.reason
            return await self._send(response)
        except ConnectionError:  # the client has gone
            return await responses.close(self._request)
        finally:
            self._log.end(self._arrival)

    async def _judge(self) -> web.Response:
        """The response to an upload that meets no rule."""
        state, key = self._state, self._key
        rate = state.rate
        refusal, verdict = None, None
        if not state.keys.get(key):
            refusal = 401, "wrong API key" if key else "no API key"
        elif state.limit and not (verdict := state.limit.count(key)).allowed:
            refusal = 429, "over the rate limit"
        else:
            self._take_rule = partial(state.rules.take, key=list(state.keys).index(key))
        problem = await self._read()
        status, self._arrival.reason = refusal or problem or (200, None)
        # Only v2's reference has the answer to a key that is wrong; v1's is for none.
        is_wrong_key = status == 401 and key  # noqa: PLR2004 - unauthorized
        response = documented(status, envelope="v2" if is_wrong_key else "v1")
        if rate and verdict:
            reset = time.time() + verdict.wait
            responses.add_rate_limit(response, rate.requests, verdict.remaining, reset)
            if not verdict.allowed:
                response.headers["Retry-After"] = str(math.ceil(verdict.wait))
        return response

    async def _read(self) -> tuple[int, str] | None:
        """Read the form; the status and reason of a refusal, or None."""
        if self._request.content_type != "multipart/form-data":
            return 400, "the body is not multipart/form-data"
        try:
            async for part in await self._request.multipart():
                if isinstance(part, BodyPartReader):
                    await self._read_part(part)
        except web.HTTPRequestEntityTooLarge:
            return 413, "a part of the form is far too large"
        except (ValueError, RuntimeError, HttpProcessingError) as error:
            return 400, f"the form is malformed: {error}"
        self._arrival.body_at = time.monotonic()
        if self._arrival.chatbot_id is None:
            return 400, "chatbotId is missing, blank or too long"
        known_chatbots = self._state.known_chatbots
        if known_chatbots and self._arrival.chatbot_id not in known_chatbots:
            return 404, "there is no such chatbot"
        return (400, self._image_problem) if self._image_problem else None

    async def _read_part(self, part: BodyPartReader) -> None:
        _, parameters = _parse_disposition(part.headers.get("Content-Disposition"))
        name = content_disposition_filename(parameters, "name")
        if name == "chatbotId" and self._arrival.chatbot_id is None:
            part.chunk_size = _CHATBOT_ID_CHUNK
            chatbot_id = (await part.read()).decode()
            if chatbot_id.strip() and len(chatbot_id) <= _CHATBOT_ID_LIMIT:
                await self._identify(chatbot_id)
        elif name == "profilePictureFile":
            part.chunk_size = _IMAGE_CHUNK
            if isinstance(self._rule, Reset):
                await part.read_chunk()
                await responses.close(self._request, reset=True)
            content_type = part.headers.get("Content-Type", "")
            data = bytes(await part.read())
            self._image = StoredImage(content_type, hashlib.sha256(data).hexdigest(), data)
            self._arrival.sha256, self._arrival.size = self._image.sha256, len(data)
            self._image_problem = "profilePictureFile is not a file: it has no file name"
            if content_disposition_filename(parameters):
                self._image_problem = image_problem(data, content_type)

    async def _identify(self, chatbot_id: str) -> None:
        def is_closed() -> bool:
            return self._request.transport is None or self._request.transport.is_closing()

        self._log.identify(self._arrival, chatbot_id, is_closed)
        self._rule = self._take_rule(chatbot_id)
        if self._rule is not None:
            self._arrival.fault = self._rule.fault
        if isinstance(self._rule, CloseBeforeRead):
            await responses.close(self._request)

    async def _respond(self, usual: web.Response) -> web.StreamResponse:
        """Respond as usual after the latency, or as the rule says."""
        request, rule = self._request, self._rule
        if isinstance(rule, Reset | CloseBeforeRead):
            await responses.close(request, reset=isinstance(rule, Reset))
        is_good = usual.status == 200  # noqa: PLR2004 - HTTP's own number
        if isinstance(rule, ResponseRule):
            usual = responses.apply_rule(rule, usual, time.time())
        if is_good and usual.status // 100 == 2 and self._image:  # noqa: PLR2004 - 2xx
            self._log.store(self._arrival, self._image)
        match rule:
            case None:
                await asyncio.sleep(self._state.latency)
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case CloseAfterAccept():
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
