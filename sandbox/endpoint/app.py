"""The stand-in as a server: its parts put together, its start and its stop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.endpoint.control import Control
from sandbox.endpoint.standin import Conduct, Standin

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.endpoint.request_log import Arrival

_BODY_LIMIT = 8 * 2**20
_BACKLOG = 1_024
_GRACE = 0.1


async def serve(
    conduct: Conduct,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    on_departure: Callable[[Arrival], None],
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are then cut off.

    Args:
        conduct: how the stand-in is.
        host: to listen on.
        port: to listen on; 0 for any free one.
        on_ready: called with the base URL when it listens.
        on_departure: called with each request that is over.

    Raises:
        OSError: it cannot listen there.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    standin = Standin(conduct, on_departure)
    app = web.Application(client_max_size=_BODY_LIMIT)
    app.add_routes([*Control(standin).routes(), web.route("*", "/{path:.*}", standin.handle)])
    # Cancelling a request with its connection is what ends a wait for a client that has gone.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        on_ready(_url(*runner.addresses[0][:2]))
        await stopping.wait()
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
