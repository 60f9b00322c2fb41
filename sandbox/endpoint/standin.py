"""The stand-in between two resets: who is let in, and what is said to all others.

A request is checked in this order: path (404), method (405), key (401), rate
(429), form and fields (400), chatbot (404), picture (400). The form is read
before any answer but the first two, so that the log names the chatbot of an
upload that was refused; only the checks up to the rate keep a rule from being
used up.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.endpoint import wire
from sandbox.endpoint.access import KeyRing, key_label
from sandbox.endpoint.answers import UPLOAD_PATH, Answer, documented, limit_headers
from sandbox.endpoint.limits import RateLimit
from sandbox.endpoint.request_log import Memory
from sandbox.endpoint.rulebook import RuleBook
from sandbox.endpoint.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from aiohttp import web

    from facelift.units import Rate
    from sandbox.endpoint.request_log import Arrival
    from sandbox.endpoint.rules import Rule

_NO_PATH = documented(404, "no such path")
_NO_METHOD = replace(documented(405, "only POST uploads"), headers={"Allow": "POST"})


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the stand-in is from its start to its end.

    Attributes:
        api_keys: the keys that it accepts at first, and again after a reset.
        rules: how it misbehaves at first, and again after a reset.
        known_chatbots: the chatbots that exist; None if every one does.
        latency: seconds before each answer that no rule asks for.
        rate: the rate limit of each key; None for no limit.
        log_size: how many arrivals it keeps.
    """

    api_keys: Sequence[str]
    rules: list[Rule]
    known_chatbots: Collection[str] | None = None
    latency: float = 0.0
    rate: Rate | None = None
    log_size: int = 100_000


class Standin:
    """Handles requests and remembers them.

    Args:
        conduct: how it is.
        on_departure: called with each request that is over.
    """

    rules: RuleBook
    keys: KeyRing
    memory: Memory

    def __init__(self, conduct: Conduct, on_departure: Callable[[Arrival], None]) -> None:
        self._conduct = conduct
        self._on_departure = on_departure
        self.reset()

    def reset(self) -> None:
        """Become as freshly started."""
        conduct = self._conduct
        self.rules = RuleBook()
        self.rules.add(conduct.rules)
        self.keys = KeyRing(conduct.api_keys)
        self.memory = Memory(conduct.log_size, now=time.monotonic, wall=time.time)
        self._limit = RateLimit(conduct.rate, time.monotonic) if conduct.rate else None

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        limit = self._limit
        return self.memory.stats() | {
            "refused": limit.refused if limit else 0,
            "busiest": {key_label(key): most for key, most in limit.busiest.items()}
            if limit
            else {},
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle any request that is not to the control API."""
        memory = self.memory  # a reset may come while the request is under way
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip() if scheme.lower() == "bearer" else ""
        arrival = memory.arrive(request.method, request.path, key_label(key) if key else None)
        try:
            if request.path == UPLOAD_PATH and request.method == "POST":
                return await self._upload(request, arrival, memory, key)
            return await self._turn_away(request, arrival, memory)
        except ConnectionError:  # the client went away
            return await wire.hang_up(request)
        finally:
            memory.depart(arrival)
            self._on_departure(arrival)

    async def _turn_away(
        self, request: web.Request, arrival: Arrival, memory: Memory
    ) -> web.StreamResponse:
        answer = _NO_METHOD if request.path == UPLOAD_PATH else _NO_PATH
        arrival.status, arrival.reason = answer.status, answer.reason
        response = await wire.send(request, answer)
        memory.answered(arrival)
        return response

    async def _upload(
        self, request: web.Request, arrival: Arrival, memory: Memory, key: str
    ) -> web.StreamResponse:
        refusal, headers = self._admit(key)
        take_rule = (
            (lambda _: None) if refusal else partial(self.rules.take, key=self.keys.number(key))
        )
        upload = Upload(request, arrival, memory, take_rule)
        usual = await upload.read(self._conduct.known_chatbots)
        usual = refusal or usual
        if headers:
            usual = replace(usual, headers=usual.headers | headers)
        return await upload.answer(usual, self._conduct.latency)

    def _admit(self, key: str) -> tuple[Answer | None, dict[str, str]]:
        """The refusal of a request with this key, if it is refused, and headers for its answer."""
        if not self.keys.accepts(key):
            return documented(401, "wrong API key" if key else "no API key"), {}
        rate = self._conduct.rate
        if rate is None or self._limit is None:
            return None, {}
        verdict = self._limit.count(key)
        headers = limit_headers(rate.requests, verdict.remaining, time.time() + verdict.wait)
        if verdict.allowed:
            return None, headers
        headers["Retry-After"] = str(math.ceil(verdict.wait))
        return documented(429, "over the rate limit"), headers
