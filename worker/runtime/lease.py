"""Renews the leases of the jobs that this process runs, all in one heartbeat."""

import itertools
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from facelift.ledger.replies import Lease
from facelift.ledger.store import JobStore
from worker.runtime.loop import Loop

# A lease is not renewed in this first share of its time: its acquisition may still be on the
# way, so the ledger would report it as lost.
_YOUNG = 0.2


@dataclass(slots=True)
class Held:
    """A lease that this process holds.

    Attributes:
        lease: as the ledger knows it.
        until: monotonic time until which it is certainly held.
    """

    lease: Lease
    until: float


class LeaseKeeper:
    """Renews leases while their jobs run.

    A lease is also bounded by this process's own clock: a renewal counts from the moment it was
    requested. So this process stops no later than the ledger gives the job away, even after the
    process was suspended.

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
        self._changed_at = monotonic()
        self._lock = threading.Lock()
        self._loop = Loop("lease heartbeat", self.run_once)

    @contextmanager
    def hold(self, job_id: str) -> Iterator[Held]:
        """A new lease on `job_id`, renewed inside the block; acquire it first."""
        token = f"{self._process}.{next(self._numbers)}"
        held = Held(Lease(job_id, token), self._monotonic() + self.seconds)
        with self._lock:
            self._held[held.lease.token] = held
            self._changed_at = self._monotonic()
        self._loop.start()  # here, so that it runs in whichever process runs the job
        try:
            yield held
        finally:
            with self._lock:
                self._held.pop(held.lease.token, None)
                self._changed_at = self._monotonic()

    def is_ours(self, held: Held) -> bool:
        """Whether the lease is certainly still held; needs no round trip."""
        return self._monotonic() < held.until

    def renewed(self, held: Held, requested_at: float) -> None:
        """The ledger renewed the lease, as requested at `requested_at` (monotonic).

        A lease that was surrendered stays surrendered.
        """
        if held.until > -math.inf:
            held.until = max(held.until, requested_at + self.seconds)

    def run_once(self) -> float:
        """Renew the leases but for the youngest; returns the seconds until the next round."""
        with self._lock:
            all_held = list(self._held.values())
        now = self._monotonic()
        old_enough = now + self.seconds * (1 - _YOUNG)
        due = [held for held in all_held if now < held.until <= old_enough]
        lost = self._store.renew([held.lease for held in due], self.seconds)
        for held in due:
            if held.lease in lost:
                held.until = now
            else:
                self.renewed(held, now)
        return self.seconds / 3

    @property
    def count(self) -> int:
        """How many jobs this process runs."""
        return len(self._held)

    @property
    def unchanged(self) -> float:
        """Seconds since a job of this process last began or ended."""
        return self._monotonic() - self._changed_at

    def surrender(self) -> list[Lease]:
        """Count every lease as lost, so that its job stops at once; returns the leases."""
        with self._lock:
            for held in self._held.values():
                held.until = -math.inf
            return [held.lease for held in self._held.values()]

    def stop(self) -> None:
        """Stop renewing."""
        self._loop.stop()
