"""The real ledger on a fake Redis in memory, under a clock that can be moved."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fakeredis import FakeRedis, FakeServer

from facelift.errors import JobNotFound
from facelift.ledger.pool import BreakerPolicy
from facelift.ledger.store import JobStore

if TYPE_CHECKING:
    from facelift.ledger.scripts import Scripts
    from facelift.record import JobRecord

_AT_ONCE = 1_000
# The breaker is the endpoint's and the workers' affair; a test that scripts many failures
# is about its jobs.
_NEVER_OPENS = BreakerPolicy(failures=10**9, share=2.0)


class Ledger(JobStore):
    """The ledger; it remembers all jobs.

    Time runs as usual, plus what it was moved forward by.
    """

    def __init__(self) -> None:
        self.redis: Any = FakeRedis(server=FakeServer(), decode_responses=True)
        self._moved = 0.0
        self._seen: dict[str, JobRecord] = {}
        super().__init__(self.redis, now=lambda: self.clock)

    @property
    def scripts(self) -> Scripts:
        """What moves its jobs; its own, also within the block of another kit."""
        own: Scripts = vars(self)["_scripts"]
        return own

    def keep_breaker_closed(self) -> None:
        """Have failures of the endpoint be those of their jobs alone."""
        self.pool.register(_NEVER_OPENS, [])

    @property
    def clock(self) -> float:
        """Unix seconds."""
        return time.time() + self._moved

    @property
    def enqueued(self) -> list[JobRecord]:
        """All jobs in the order in which they were enqueued, as they stand now.

        One whose record has expired, as it stood at the last look.
        """
        for _, entry in self.redis.xrange(self.keys.jobs):
            job_id = entry["job"]
            known = self._seen.get(job_id)
            if known is None or not known.state.is_terminal:
                with suppress(JobNotFound):
                    self._seen[job_id] = self.get(job_id)
        return list(self._seen.values())

    def take_message(self) -> str | None:
        """The job that the queue's oldest message is about; None if the queue is empty."""
        message = self.redis.rpop(self.keys.queue)
        return json.loads(message)["headers"]["id"] if message else None

    def look(self) -> float:
        """Look at every job whose time has come; returns the seconds until the next look."""
        run_once = self.run_schedule(_AT_ONCE)
        while run_once.next_due == 0:
            self._moved += 0.001  # also when a test has stopped the clock itself
            run_once = self.run_schedule(_AT_ONCE)
        return float("inf") if run_once.next_due is None else run_once.next_due

    def move(self, seconds: float) -> None:
        """Let `seconds` pass, also for whatever Redis is to forget by itself."""
        _ = self.enqueued  # or one that is forgotten now would never have been seen
        self._moved += seconds
        for key in self.redis.scan_iter():
            left = self.redis.pttl(key)
            if left >= 0:
                self.redis.pexpire(key, max(0, left - round(seconds * 1000)))
        self.look()
