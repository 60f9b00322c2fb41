"""The ledger under a hand-moved clock, with short names for what tests do again and again."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.job import UploadJob
from facelift.ledger.pool import BreakerPolicy, Registered, Registration, Retention
from facelift.ledger.replies import Acquired, Lease, Permit
from facelift.ledger.store import JobStore
from facelift.status.worker import WorkerReport

if TYPE_CHECKING:
    from facelift.ledger.replies import Feedback
    from facelift.record import JobRecord
    from facelift.units import Rate

LEASE = 15.0
REQUEST = 30.0
START = 1_764_000_000.0


@dataclass
class Ledger:
    """One ledger; `now` is its only clock."""

    redis: Any  # a client; its stubs answer for the asynchronous one too
    now: float = START
    _newest_start: float = START
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _removals: set[str] = field(default_factory=set)
    store: JobStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = JobStore(self.redis, now=lambda: self.now)

    def enqueue(
        self,
        chatbot: str = "bot",
        image: str | None = "media:a.png",
        job_id: str = "",
        **fields: Any,
    ) -> str:
        is_removal = fields.get("action") == "remove"
        _, record = self.store.enqueue(
            UploadJob(chatbot_id=chatbot, image=None if is_removal else image, **fields),
            job_id or f"job-{next(self._ids)}",
            lifetime=86_400,
            idempotency_window=3600,
        )
        if is_removal:
            self._removals.add(record.id)
        return record.id

    def register(
        self,
        rate: Rate | None,
        account: str = "default",
        *,
        key: str = "key-1",
        others: tuple[str, ...] = (),
        worker: str = "",
        breaker: BreakerPolicy | None = None,
        webhooks: bool = False,
        retention: Retention | None = None,
        stores: tuple[str, ...] = (),
        started: float | None = None,
    ) -> Registered:
        """As a worker does that was set to this; with a name, it sends a heartbeat too.

        It starts later than all before, unless a test says otherwise.
        """
        self._newest_start += 2
        if worker:
            self.store.pool.heartbeat(
                WorkerReport(name=worker, host="h", pid=1, version="1", slots=10)
            )
        return self.store.pool.register(
            breaker or BreakerPolicy(),
            [Registration(account, rate, fingerprint=key, others=others)],
            worker=worker,
            stores=stores,
            started=self._newest_start if started is None else started,
            webhooks=webhooks,
            retention=retention,
        )

    def take_message(self) -> str:
        """The job that the queue's oldest message is about."""
        job: str = json.loads(self.redis.rpop(self.store.keys.queue))["headers"]["id"]
        return job

    def lease(self, job_id: str) -> Lease:
        """One that nobody had before."""
        return Lease(job_id, f"token-{next(self._ids)}")

    def acquire(self, job_id: str, worker: str = "") -> Lease:
        """By a worker of its own, unless one is named."""
        lease = self.lease(job_id)
        worker = worker or f"worker-of-{lease.token}"
        reply = self.store.acquire(lease, LEASE, worker)
        assert isinstance(reply, Acquired), reply
        return lease

    def acquire_with_permit(self, job_id: str) -> Lease:
        lease = self.acquire(job_id)
        assert isinstance(self.store.acquire_permit(lease, LEASE, REQUEST), Permit)
        return lease

    def deliver(self, lease: Lease, feedback: Feedback | None = None) -> bool:
        """What it asks for is done: its image is uploaded, or removed."""
        code = OutcomeCode.REMOVED if lease.job_id in self._removals else OutcomeCode.DELIVERED
        attempt = self.attempt(code, 200, Decision.SUCCEED)
        return self.store.complete(
            lease, JobState.SUCCEEDED, code, "Done.", attempt, feedback=feedback
        )

    def fail(
        self,
        lease: Lease,
        code: OutcomeCode = OutcomeCode.CHATBOT_NOT_FOUND,
        feedback: Feedback | None = None,
    ) -> bool:
        attempt = self.attempt(code, 404, Decision.FAIL)
        return self.store.complete(lease, JobState.FAILED, code, "No.", attempt, feedback=feedback)

    def retry_later(self, lease: Lease, delay: float = 5.0) -> bool:
        attempt = self.attempt(
            OutcomeCode.SERVER_ERROR, 500, Decision.RETRY, next_at=self.now + delay
        )
        return self.store.retry_later(lease, self.now + delay, WaitReason.RETRY, "Broken.", attempt)

    def attempt(
        self,
        code: OutcomeCode,
        status: int | None,
        decision: Decision,
        *,
        next_at: float | None = None,
        counted: bool = True,
    ) -> Attempt:
        return Attempt(
            started_at=self.now,
            duration=0.1,
            code=code,
            http_status=status,
            decision=decision,
            reason="Because.",
            next_at=next_at,
            counted=counted,
        )

    def run_once(self, seconds: float = 0.0) -> Any:
        self.now += seconds
        return self.store.run_schedule(100)

    def get(self, job_id: str) -> JobRecord:
        return self.store.records.get(job_id)

    def state(self, job_id: str) -> JobState:
        return self.get(job_id).state

    def messages(self) -> int:
        return int(self.redis.llen(self.store.keys.queue))

    def lose_messages(self) -> None:
        self.redis.delete(self.store.keys.queue)

    def leftovers(self) -> set[str]:
        """Keys of the ledger besides records, what lists them, and what is known of the pool."""
        keys = self.store.keys
        kept = {
            keys.generation,
            keys.accounts,
            keys.endpoint,
            keys.config,
            keys.api_keys,
            keys.unanswered,
            keys.events,
            keys.unlogged_events,
        }
        kept |= {keys.counts, keys.jobs, keys.outcomes, keys.batches}
        return {
            key
            for key in self.redis.keys(keys.base + "*")
            if not key.startswith((keys.job(""), keys.batch(""), keys.idempotency("")))
            and not key.startswith((keys.account(""), keys.account_keys(""), keys.lost_worker("")))
            and not key.startswith(keys.chatbot_jobs(""))
            and key not in kept
        }
