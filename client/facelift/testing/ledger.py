"""The real ledger on a fake Redis in memory, with a clock that can be moved forward."""

import json
import time
from contextlib import suppress
from typing import Any

from fakeredis import FakeRedis, FakeServer

from facelift.errors import JobNotFound
from facelift.job import DEFAULT_ACCOUNT, account_key
from facelift.ledger.notifications import Notifications
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.store import JobStore
from facelift.record import JobRecord
from facelift.testing.faults import Faults

_AT_ONCE = 1_000


class MemoryLedger:
    """A ledger in memory; it remembers all jobs.

    Time passes as usual, plus what the clock was moved forward by.

    Attributes:
        store: what workers and the test itself work on.
        faults: what befalls the others.
        clients: what clients work on; the same jobs, with the faults.
    """

    def __init__(self, notifications: Notifications) -> None:
        server = FakeServer()
        self._redis: Any = FakeRedis(server=server, decode_responses=True)
        self._moved = 0.0
        self._seen: dict[str, JobRecord] = {}
        self.store = JobStore(self._redis, now=lambda: self.clock, notifications=notifications)
        self.faults = Faults()
        self.clients = JobStore(
            self.faults.connect(server), now=lambda: self.clock, notifications=notifications
        )
        self.register(DEFAULT_ACCOUNT)

    @property
    def clock(self) -> float:
        """Unix seconds."""
        return time.time() + self._moved

    def register(self, *accounts: str) -> None:
        """Have the workers hold API keys of these accounts, without a rate limit."""
        names = map(account_key, accounts)
        self.store.pool.register(
            BreakerPolicy(), [Registration(each, None, fingerprint=each) for each in names]
        )

    @property
    def enqueued(self) -> list[JobRecord]:
        """All jobs in the order in which they were enqueued, with their present state.

        A job whose record has expired has the state in which it was last read.
        """
        for _, entry in self._redis.xrange(self.store.keys.jobs):
            job_id = entry["job"]
            known = self._seen.get(job_id)
            if known is None or not known.state.is_terminal:
                with suppress(JobNotFound):
                    self._seen[job_id] = self.store.records.get(job_id)
        return list(self._seen.values())

    def take_message(self) -> str | None:
        """The job id of the oldest wake-up message; None if the queue is empty."""
        message = self._redis.rpop(self.store.keys.queue)
        return json.loads(message)["headers"]["id"] if message else None

    def run_schedule(self) -> float:
        """Move on every job that is due; returns the seconds until the next one is."""
        run = self.store.run_schedule(_AT_ONCE)
        while run.next_due == 0:
            self._moved += 0.001  # also when a test has stopped the clock itself
            run = self.store.run_schedule(_AT_ONCE)
        return float("inf") if run.next_due is None else run.next_due

    def move(self, seconds: float) -> None:
        """Let `seconds` pass, also for the keys that Redis expires."""
        _ = self.enqueued  # a record that expires now would never have been read
        self._moved += seconds
        for key in self._redis.scan_iter():
            left = self._redis.pttl(key)
            if left >= 0:
                self._redis.pexpire(key, max(0, left - round(seconds * 1000)))
        self.run_schedule()

    def close(self) -> None:
        """Forget everything."""
        self.clients.close()
        self._redis.close()
