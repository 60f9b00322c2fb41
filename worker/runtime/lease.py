"""Keeps the leases of the jobs that this process runs: one heartbeat for all of them."""

from __future__ import annotations

import itertools
import math
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.ledger.replies import Lease
from worker.runtime.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.ledger.store import JobStore

# The share of its time in which a lease needs no heartbeat, and would be taken
# for lost: its claim may still be on its way.
_YOUNG = 0.2


@dataclass(slots=True)
class Held:
    """A lease in this process's hands.

    Attributes:
        lease: what the ledger knows.
        until: monotonic time until which it is surely ours.
    """

    lease: Lease
    until: float


class LeaseKeeper:
    """Extends leases while their jobs run.

    Its own clock bounds a lease: an extension counts from the moment it was
    asked for, so this process lets go no later than the ledger does, also after
    it was stopped and continued.

    Args:
        store: the ledger.
        seconds: how long a lease lasts without a heartbeat.
        monotonic: seconds that never go back.
    """

    def __init__(
        self, store: JobStore, seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._store = store
        self._monotonic = monotonic
        self._process, self._numbers = secrets.token_hex(8), itertools.count(1)
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._loop = Loop("lease heartbeat", self.run_once)

    @contextmanager
    def hold(self, job_id: str) -> Iterator[Held]:
        """A new lease on `job_id`, kept alive inside the block; claim it first thing."""
        token = f"{self._process}.{next(self._numbers)}"
        held = Held(Lease(job_id, token), self._monotonic() + self.seconds)
        with self._lock:
            self._held[held.lease.token] = held
        self._loop.start()  # here, so that it runs in whichever process runs the job
        try:
            yield held
        finally:
            with self._lock:
                self._held.pop(held.lease.token, None)

    def is_ours(self, held: Held) -> bool:
        """Whether the lease is surely still ours; costs no round trip."""
        return self._monotonic() < held.until

    def renewed(self, held: Held, asked_at: float) -> None:
        """The ledger extended the lease after `asked_at` (monotonic); in vain if it is given up."""
        if held.until > -math.inf:
            held.until = max(held.until, asked_at + self.seconds)

    def run_once(self) -> float:
        """Extend the leases held, but not the youngest; returns the seconds until the next."""
        with self._lock:
            holdings = list(self._held.values())
        asked_at = self._monotonic()
        old_enough = asked_at + self.seconds * (1 - _YOUNG)
        due = [held for held in holdings if asked_at < held.until <= old_enough]
        lost = self._store.renew([held.lease for held in due], self.seconds)
        for held in due:
            if held.lease in lost:
                held.until = asked_at
            else:
                self.renewed(held, asked_at)
        return self.seconds / 3

    @property
    def count(self) -> int:
        """How many jobs are in this process's hands."""
        return len(self._held)

    def surrender(self) -> list[Lease]:
        """Count every lease as lost, so that its job stops at once; returns them."""
        with self._lock:
            for held in self._held.values():
                held.until = -math.inf
            return [held.lease for held in self._held.values()]

    def stop(self) -> None:
        """Stop the heartbeat."""
        self._loop.stop()
