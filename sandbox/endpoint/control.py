"""The control API: steer the stand-in and question it while it runs.

It is on the stand-in's own port, takes no API key, and its requests are neither
counted nor logged. A refusal is `{"problems": [...]}` with status 400 or 404.

    GET    /_sandbox/health
        {"pid": ...}
    GET    /_sandbox/rules
        {"rules": [...]}: those that are left, with the times that are left.
    POST   /_sandbox/rules     {"rules": [...]}, as told in `behaviour`
        Queues them all, or none if one is wrong; answers as GET does.
    DELETE /_sandbox/rules[?chatbot_id=ID]
        Forgets the rules of that chatbot ("*" for those of every one), or all
        of them; answers as GET does.
    GET    /_sandbox/keys
        {"keys": [...]}: by their numbers, each `key` by its name in the log, and
        whether it is `accepted`.
    POST   /_sandbox/keys      {"accept": [KEY, ...], "revoke": [KEY, ...]}
        Accepts keys, known or not, and answers 401 to others from now on; either
        may be left out; answers as GET does.
    GET    /_sandbox/arrivals[?since=N][&limit=M]
        {"arrivals": [...]}: the log after number N (0), at most M (1000),
        oldest first, with the fields of `memory.Arrival`. A request under way is
        among them, with `ended_at` null.
    GET    /_sandbox/stats
        Counts since the start or the last reset: `requests`, `statuses` (by
        status; "none" had no answer), `taken` pictures, `overlapped` uploads,
        `in_flight` and `max_in_flight` requests, `chatbots` seen, the
        number of the `first_in_log`, requests `refused` by the rate limit, and
        by key, as the log names it, how many came in the `busiest` of its
        windows, those refused too.
    GET    /_sandbox/image?chatbot_id=ID
        The picture that the chatbot has, with its content type. 404 if it has
        none, 410 if it was dropped to save memory; its SHA-256 is in the log.
    POST   /_sandbox/reset
        As freshly started: the first rules and keys, an empty log, no pictures,
        counts from 0, an empty rate window. Requests under way end unnoticed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.endpoint.rules import InvalidRules, parse_script

if TYPE_CHECKING:
    from sandbox.endpoint.standin import Standin

PREFIX = "/_sandbox"

_PAGE = 1_000
_Key = Annotated[str, Field(min_length=1)]


class KeyChange(BaseModel):
    """Keys to accept and keys to revoke."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: list[_Key] = []
    revoke: list[_Key] = []


class Control:
    """The handlers of the control API."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    def routes(self) -> list[web.RouteDef]:
        """What goes where."""
        return [
            web.get(f"{PREFIX}/health", self._health),
            web.get(f"{PREFIX}/rules", self._rules),
            web.post(f"{PREFIX}/rules", self._add_rules),
            web.delete(f"{PREFIX}/rules", self._clear_rules),
            web.get(f"{PREFIX}/keys", self._keys),
            web.post(f"{PREFIX}/keys", self._change_keys),
            web.get(f"{PREFIX}/arrivals", self._arrivals),
            web.get(f"{PREFIX}/stats", self._stats),
            web.get(f"{PREFIX}/image", self._picture),
            web.post(f"{PREFIX}/reset", self._reset),
            web.route("*", PREFIX + "{tail:(/.*)?}", self._unknown),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"pid": os.getpid()})

    async def _rules(self, _: web.Request) -> web.Response:
        return web.json_response({"rules": self._standin.rules.left()})

    async def _add_rules(self, request: web.Request) -> web.Response:
        try:
            self._standin.rules.add(parse_script(await request.read()))
        except InvalidRules as error:
            return _refusal(400, *error.problems)
        return await self._rules(request)

    async def _clear_rules(self, request: web.Request) -> web.Response:
        self._standin.rules.clear(request.query.get("chatbot_id"))
        return await self._rules(request)

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": self._standin.keys.known()})

    async def _change_keys(self, request: web.Request) -> web.Response:
        try:
            change = KeyChange.model_validate_json(await request.read())
        except ValidationError:  # whose text may show a key
            return _refusal(400, 'must be {"accept": ["key", ...], "revoke": ["key", ...]}')
        for key in change.accept:
            self._standin.keys.accept(key)
        for key in change.revoke:
            self._standin.keys.revoke(key)
        return await self._keys(request)

    async def _arrivals(self, request: web.Request) -> web.Response:
        since, limit = request.query.get("since", "0"), request.query.get("limit", str(_PAGE))
        if not (since.isdecimal() and limit.isdecimal()):
            return _refusal(400, "since and limit must be whole numbers")
        arrivals = self._standin.memory.arrivals(int(since), int(limit))
        return web.json_response({"arrivals": [each.as_dict() for each in arrivals]})

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self._standin.stats())

    async def _picture(self, request: web.Request) -> web.Response:
        picture = self._standin.memory.picture(request.query.get("chatbot_id", ""))
        if picture is None:
            return _refusal(404, "chatbot_id: this chatbot has no picture")
        if picture.data is None:
            return _refusal(410, f"dropped to save memory; its SHA-256 was {picture.sha256}")
        return web.Response(body=picture.data, content_type=picture.content_type)

    async def _reset(self, _: web.Request) -> web.Response:
        self._standin.reset()
        return web.json_response({})

    async def _unknown(self, request: web.Request) -> web.Response:
        known = ", ".join(f"{each.method} {each.path}" for each in self.routes()[:-1])
        return _refusal(404, f"no {request.method} {request.path} here; there are {known}")


def _refusal(status: int, *problems: str) -> web.Response:
    return web.json_response({"problems": problems}, status=status)
