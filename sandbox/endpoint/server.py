"""The sandbox endpoint as a server, with its control API under `/_sandbox/`.

The control API changes the rules and keys, and reads what arrived; docs/endpoint.md
describes each route. Its requests need no API key, and are neither counted nor logged. A
refusal is `{"problems": [...]}` with status 400, 404 or 410.
"""

import os
import socket
from collections.abc import Callable
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from sandbox.endpoint.exchange import Exchange
from sandbox.endpoint.operations import Asset
from sandbox.endpoint.request_log import ARRIVALS, ASSET_STATES
from sandbox.endpoint.rules import InvalidRules, parse_rules, problems_of
from sandbox.endpoint.state import EndpointState, key_label

_BODY_LIMIT = 8 * 2**20
_BACKLOG = 1_024
_SHUTDOWN_SECONDS = 0.1
_PREFIX = "/_sandbox"
_STATE = web.AppKey("state", EndpointState)
_Key = Annotated[str, Field(min_length=1)]


def serve(state: EndpointState, listener: socket.socket, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are then cut off.

    `on_ready` is called with the base URL before the first request.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        return await Exchange(request, state).serve()

    app = web.Application(client_max_size=_BODY_LIMIT)
    app[_STATE] = state
    app.add_routes([*CONTROL_ROUTES, web.route("*", "/{path:.*}", handle)])
    address, port, *_ = listener.getsockname()
    url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    web.run_app(
        app,
        sock=listener,
        backlog=_BACKLOG,
        print=lambda _: on_ready(url),
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        handler_cancellation=True,  # ends a request's wait once its client has gone
    )


class _KeyChange(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: list[_Key] = []
    revoke: list[_Key] = []


class _Page(BaseModel):
    since: NonNegativeInt = 0
    limit: NonNegativeInt = 1_000


class _Image(BaseModel):
    chatbot_id: str
    asset: Asset = "profile_picture"


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"pid": os.getpid()})


async def _rules(request: web.Request) -> web.Response:
    return web.json_response({"rules": request.app[_STATE].rules.left()})


async def _add_rules(request: web.Request) -> web.Response:
    try:
        request.app[_STATE].rules.add(parse_rules(await request.read()))
    except InvalidRules as error:
        return _refusal(400, *error.args)
    return await _rules(request)


async def _clear_rules(request: web.Request) -> web.Response:
    request.app[_STATE].rules.clear(request.query.get("chatbot_id"))
    return await _rules(request)


async def _keys(request: web.Request) -> web.Response:
    keys = request.app[_STATE].keys.items()
    shown = [{"key": key_label(key), "accepted": accepted} for key, accepted in keys]
    return web.json_response({"keys": shown})


async def _change_keys(request: web.Request) -> web.Response:
    try:
        change = _KeyChange.model_validate_json(await request.read())
    except ValidationError:  # its text may show a key
        return _refusal(400, 'must be {"accept": ["key", ...], "revoke": ["key", ...]}')
    keys = request.app[_STATE].keys
    keys |= dict.fromkeys(change.accept, True)
    keys |= dict.fromkeys(keys.keys() & set(change.revoke), False)
    return await _keys(request)


async def _arrivals(request: web.Request) -> web.Response:
    try:
        page = _Page.model_validate(dict(request.query))
    except ValidationError as error:
        return _refusal(400, *problems_of(error))
    arrivals = ARRIVALS.dump_json(request.app[_STATE].log.arrivals(page.since, page.limit))
    return web.Response(body=b'{"arrivals":%b}' % arrivals, content_type="application/json")


async def _stats(request: web.Request) -> web.Response:
    return web.json_response(request.app[_STATE].stats())


async def _assets(request: web.Request) -> web.Response:
    found = request.app[_STATE].log.assets(request.query.get("chatbot_id"))
    body = b'{"assets":%b}' % ASSET_STATES.dump_json(found)
    return web.Response(body=body, content_type="application/json")


async def _image(request: web.Request) -> web.Response:
    try:
        wanted = _Image.model_validate(dict(request.query))
    except ValidationError as error:
        return _refusal(400, *problems_of(error))
    image = request.app[_STATE].log.images.get((wanted.chatbot_id, wanted.asset))
    if image is None:
        return _refusal(404, f"{wanted.asset}: this chatbot has none")
    if image.data is None:
        return _refusal(410, f"dropped to save memory; its SHA-256 was {image.sha256}")
    return web.Response(body=image.data, content_type=image.content_type)


async def _reset(request: web.Request) -> web.Response:
    request.app[_STATE].reset()
    return web.json_response({})


async def _unknown(request: web.Request) -> web.Response:
    known = ", ".join(f"{each.method} {each.path}" for each in CONTROL_ROUTES[:-1])
    return _refusal(404, f"no {request.method} {request.path} here; there are {known}")


def _refusal(status: int, *problems: str) -> web.Response:
    return web.json_response({"problems": problems}, status=status)


CONTROL_ROUTES = [
    web.get(f"{_PREFIX}/health", _health),
    web.get(f"{_PREFIX}/rules", _rules),
    web.post(f"{_PREFIX}/rules", _add_rules),
    web.delete(f"{_PREFIX}/rules", _clear_rules),
    web.get(f"{_PREFIX}/keys", _keys),
    web.post(f"{_PREFIX}/keys", _change_keys),
    web.get(f"{_PREFIX}/arrivals", _arrivals),
    web.get(f"{_PREFIX}/stats", _stats),
    web.get(f"{_PREFIX}/assets", _assets),
    web.get(f"{_PREFIX}/image", _image),
    web.post(f"{_PREFIX}/reset", _reset),
    web.route("*", _PREFIX + "{tail:(/.*)?}", _unknown),
]
"""Which handler serves which path."""
