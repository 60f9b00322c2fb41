"""Plain exponential backoff without a queue: what a client that retries delivers by itself.

Every job backs off on its own with full jitter, 1 s doubled up to 300 s, and due retries go
before new uploads. It keeps the same rate and has the same slots and time limit as Facelift.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import aiohttp

from facelift.units import Rate

if TYPE_CHECKING:
    from benchmarks.isolation.scenario import Scenario

_CAP = 300.0
_TIMEOUT = 30.0
_UPLOAD = "/api/v1/upload-chatbot-profile-picture"


class PlainBackoff:
    """The jobs of a scenario, and who goes next.

    Args:
        scenario: whose loads are all there from the start.
        url: of the endpoint.
        image: that is uploaded.
    """

    def __init__(self, scenario: Scenario, url: str, image: bytes) -> None:
        self._scenario = scenario
        self._url = url + _UPLOAD
        self._random = Random(1)
        self._fresh = deque(
            f"{load.name}-{number}" for load in scenario.loads for number in range(load.jobs)
        )
        self._retries: list[tuple[float, str, int]] = []
        self._left = len(self._fresh)
        self._image = image

    async def run(self) -> None:
        """Upload until all are delivered or the scenario's time is over."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(_TIMEOUT)
        with suppress(TimeoutError):
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                asyncio.timeout(self._scenario.seconds),
                asyncio.TaskGroup() as running,
            ):
                await self._start(session, running)

    async def _start(self, session: aiohttp.ClientSession, running: asyncio.TaskGroup) -> None:
        """Start uploads at the rate while there are slots, until all are delivered."""
        scenario = self._scenario
        rate = None if scenario.rate == "off" else Rate.parse(scenario.rate)
        spacing = rate.seconds / rate.requests if rate else 0.0
        slots = asyncio.Semaphore(2 * scenario.slots)
        permit = time.monotonic()
        while self._left:
            now = time.monotonic()
            due = self._retries and self._retries[0][0] <= now
            if now < permit or not (due or self._fresh):
                await asyncio.sleep(0.005)
                continue
            await slots.acquire()
            bot, failures = heapq.heappop(self._retries)[1:] if due else (self._fresh.popleft(), 0)
            permit = max(permit + spacing, now - spacing)
            running.create_task(self._upload(session, slots, bot, failures))

    async def _upload(
        self, session: aiohttp.ClientSession, slots: asyncio.Semaphore, bot: str, failures: int
    ) -> None:
        form = aiohttp.FormData({"chatbotId": bot})
        form.add_field("profilePictureFile", self._image, filename="0.jpg")
        try:
            async with session.post(self._url, data=form) as answer:
                answer.raise_for_status()
                self._left -= 1
        except (aiohttp.ClientError, TimeoutError):
            wait = self._random.random() * min(_CAP, 2.0**failures)
            heapq.heappush(self._retries, (time.monotonic() + wait, bot, failures + 1))
        finally:
            slots.release()
