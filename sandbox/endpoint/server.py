"""The sandbox endpoint as a server."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.endpoint import control
from sandbox.endpoint.state import EndpointSettings, EndpointState
from sandbox.endpoint.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.endpoint.request_log import Arrival

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

    async def handle(request: web.Request) -> web.StreamResponse:
        upload = Upload(request, state)
        try:
            return await upload.serve()
        finally:
            on_end(upload.arrival)

    app = web.Application(client_max_size=_BODY_LIMIT)
    app[control.STATE] = state
    app.add_routes([*control.ROUTES, web.route("*", "/{path:.*}", handle)])
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
