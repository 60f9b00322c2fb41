"""A pool of workers in simulated time: what they would do to an account's rate."""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from facelift.ledger.replies import Acquired, Lease, Permit
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.ledger.driver import Ledger

_LONGEST_PAUSE = 0.5  # a dispatcher looks at least so often


@dataclass(frozen=True)
class Request:
    """When it got its permit, and when the endpoint had surely counted it."""

    permitted: float
    counted: float


@dataclass
class Simulation:
    """Workers that take some time for everything, and a dispatcher.

    Attributes:
        ledger: its clock is moved by the simulation.
        rng: chance.
        busy: seconds from a message to the admission, at most.
        latency: seconds from the admission to the answer, at most.
        on_answer: what the worker does with the answer; delivers by default.
    """

    ledger: Ledger
    rng: Random
    busy: float = 0.02
    latency: float = 0.2
    on_answer: Callable[[Lease], object] | None = None
    requests: list[Request] = field(default_factory=list)
    longest_queue: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.ledger.now + seconds
        self._at(self.ledger.now, self._dispatch)
        while self._events and self._events[0][0] <= end:
            self.ledger.now, _, act = heapq.heappop(self._events)
            act()
            self._take_messages()
        self.ledger.now = end
        self._events = [event for event in self._events if event[2] != self._dispatch]
        heapq.heapify(self._events)

    def _at(self, time: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, act))

    def _dispatch(self) -> None:
        due = self.ledger.run_once().next_due
        pause = _LONGEST_PAUSE if due is None else min(due, _LONGEST_PAUSE)
        self._at(self.ledger.now + max(pause, 0.001), self._dispatch)

    def _take_messages(self) -> None:
        self.longest_queue = max(self.longest_queue, self.ledger.messages())
        while message := self.ledger.redis.rpop(self.ledger.store.keys.queue):
            job = json.loads(message)["headers"]["id"]
            self._at(self.ledger.now + self.rng.uniform(0, self.busy), partial(self._work, job))

    def _work(self, job: str) -> None:
        self._count += 1
        lease = Lease(job, f"sim-{self._count}")
        if not isinstance(self.ledger.store.acquire(lease, LEASE, "w"), Acquired):
            return
        if isinstance(self.ledger.store.acquire_permit(lease, LEASE, REQUEST), Permit):
            permitted = self.ledger.now
            answer = permitted + self.rng.uniform(0, self.latency)
            self.requests.append(Request(permitted, self.rng.uniform(permitted, answer)))
            self._at(answer, partial(self._end, lease))

    def _end(self, lease: Lease) -> None:
        (self.on_answer or self.ledger.deliver)(lease)
