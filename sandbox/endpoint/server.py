"""The sandbox endpoint as a server.

A request is checked in this order: path (404), method (405), key (401), rate (429), form
and fields (400), chatbot (404), image (400). The form is read before any response but the
first two, so that the log names the chatbot of a refused upload. Uploads that fail the
checks of key and rate use up no rule.
"""

from __future__ import annotations

import asyncio
import math
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.endpoint import responses
from sandbox.endpoint.control import Control
from sandbox.endpoint.responses import UPLOAD_PATH, documented
from sandbox.endpoint.state import EndpointSettings, EndpointState, key_label
from sandbox.endpoint.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.endpoint.request_log import Arrival, RequestLog

_BODY_LIMIT = 8 * 2**20
_BACKLOG = 1_024
_SHUTDOWN_SECONDS = 0.1


async def serve(
    settings: EndpointSettings,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    on_end: Callable[[Arrival], None],
) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are then cut off.

    Port 0 means any free one. `on_ready` is called with the base URL once the server
    listens, `on_end` with each request that has ended.

    Raises:
        OSError: it cannot listen there.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    state = EndpointState(settings)
    uploads = _Uploads(state, on_end)
    app = web.Application(client_max_size=_BODY_LIMIT)
    app.add_routes([*Control(state).routes(), web.route("*", "/{path:.*}", uploads.handle)])
    # Cancelling a request with its connection ends its wait once the client has gone.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
        await site.start()
        address, port, *_ = runner.addresses[0]
        on_ready(f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}")
        await stopping.wait()
    finally:
        await runner.cleanup()


class _Uploads:
    """The handler of all requests that are not for the control API."""

    def __init__(self, state: EndpointState, on_end: Callable[[Arrival], None]) -> None:
        self._state = state
        self._on_end = on_end

    async def handle(self, request: web.Request) -> web.StreamResponse:
        log = self._state.log  # a reset may replace it while the request is in flight
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip() if scheme.lower() == "bearer" else ""
        arrival = log.begin(request.method, request.path, key_label(key) if key else None)
        try:
            if request.path == UPLOAD_PATH and request.method == "POST":
                return await self._upload(request, arrival, log, key)
            response = documented(405 if request.path == UPLOAD_PATH else 404)
            if request.path == UPLOAD_PATH:
                response.headers["Allow"] = "POST"
            arrival.status, arrival.reason = response.status, response.reason
            await responses.send(request, response)
            log.answer(arrival)
        except ConnectionError:  # the client has gone
            return await responses.close(request)
        else:
            return response
        finally:
            log.end(arrival)
            self._on_end(arrival)

    async def _upload(
        self, request: web.Request, arrival: Arrival, log: RequestLog, key: str
    ) -> web.StreamResponse:
        state, settings = self._state, self._state.settings
        refusal, verdict = None, None
        if not state.keys.get(key):
            refusal = 401, "wrong API key" if key else "no API key"
        elif state.limit and not (verdict := state.limit.count(key)).allowed:
            refusal = 429, "over the rate limit"
        number = list(state.keys).index(key) if key in state.keys else None
        take_rule = (lambda _: None) if refusal else partial(state.rules.take, key=number)
        upload = Upload(request, arrival, log, take_rule)
        problem = await upload.read(settings.known_chatbots)
        status, arrival.reason = refusal or problem or (200, None)
        response = documented(status)
        if verdict and settings.rate:
            reset = time.time() + verdict.wait
            responses.add_rate_limit(response, settings.rate.requests, verdict.remaining, reset)
            if not verdict.allowed:
                response.headers["Retry-After"] = str(math.ceil(verdict.wait))
        return await upload.respond(response, settings.latency)
