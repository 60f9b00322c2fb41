"""The control API under `/_sandbox/`: change the rules and keys, read what arrived.

docs/endpoint.md describes each route. Its requests need no API key, and are neither
counted nor logged. A refusal is `{"problems": [...]}` with status 400, 404 or 410.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from sandbox.endpoint.request_log import ARRIVALS
from sandbox.endpoint.rules import InvalidRules, parse_rules, problems_of
from sandbox.endpoint.state import key_label

if TYPE_CHECKING:
    from sandbox.endpoint.state import EndpointState

_PREFIX = "/_sandbox"
_Key = Annotated[str, Field(min_length=1)]


class _KeyChange(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: list[_Key] = []
    revoke: list[_Key] = []


class _Page(BaseModel):
    since: NonNegativeInt = 0
    limit: NonNegativeInt = 1_000


class Control:
    """The handlers of the control API."""

    def __init__(self, state: EndpointState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Which handler serves which path."""
        return [
            web.get(f"{_PREFIX}/health", self._health),
            web.get(f"{_PREFIX}/rules", self._rules),
            web.post(f"{_PREFIX}/rules", self._add_rules),
            web.delete(f"{_PREFIX}/rules", self._clear_rules),
            web.get(f"{_PREFIX}/keys", self._keys),
            web.post(f"{_PREFIX}/keys", self._change_keys),
            web.get(f"{_PREFIX}/arrivals", self._arrivals),
            web.get(f"{_PREFIX}/stats", self._stats),
            web.get(f"{_PREFIX}/image", self._image),
            web.post(f"{_PREFIX}/reset", self._reset),
            web.route("*", _PREFIX + "{tail:(/.*)?}", self._unknown),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"pid": os.getpid()})

    async def _rules(self, _: web.Request) -> web.Response:
        return web.json_response({"rules": self._state.rules.left()})

    async def _add_rules(self, request: web.Request) -> web.Response:
        try:
            self._state.rules.add(parse_rules(await request.read()))
        except InvalidRules as error:
            return _refusal(400, *error.problems)
        return await self._rules(request)

    async def _clear_rules(self, request: web.Request) -> web.Response:
        self._state.rules.clear(request.query.get("chatbot_id"))
        return await self._rules(request)

    async def _keys(self, _: web.Request) -> web.Response:
        keys = [
            {"key": key_label(key), "accepted": accepted}
            for key, accepted in self._state.keys.items()
        ]
        return web.json_response({"keys": keys})

    async def _change_keys(self, request: web.Request) -> web.Response:
        try:
            change = _KeyChange.model_validate_json(await request.read())
        except ValidationError:  # its text may show a key
            return _refusal(400, 'must be {"accept": ["key", ...], "revoke": ["key", ...]}')
        keys = self._state.keys
        keys |= dict.fromkeys(change.accept, True)
        keys |= dict.fromkeys(keys.keys() & set(change.revoke), False)
        return await self._keys(request)

    async def _arrivals(self, request: web.Request) -> web.Response:
        try:
            page = _Page.model_validate(dict(request.query))
        except ValidationError as error:
            return _refusal(400, *problems_of(error))
        arrivals = ARRIVALS.dump_json(self._state.log.arrivals(page.since, page.limit))
        body = b'{"arrivals":' + arrivals + b"}"
        return web.Response(body=body, content_type="application/json")

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self._state.stats())

    async def _image(self, request: web.Request) -> web.Response:
        image = self._state.log.image(request.query.get("chatbot_id", ""))
        if image is None:
            return _refusal(404, "chatbot_id: this chatbot has no image")
        if image.data is None:
            return _refusal(410, f"dropped to save memory; its SHA-256 was {image.sha256}")
        return web.Response(body=image.data, content_type=image.content_type)

    async def _reset(self, _: web.Request) -> web.Response:
        self._state.reset()
        return web.json_response({})

    async def _unknown(self, request: web.Request) -> web.Response:
        known = ", ".join(f"{each.method} {each.path}" for each in self.routes()[:-1])
        return _refusal(404, f"no {request.method} {request.path} here; there are {known}")


def _refusal(status: int, *problems: str) -> web.Response:
    return web.json_response({"problems": problems}, status=status)
