"""The ledger under a hand-moved clock, with short names for what tests do again and again."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.job import UploadJob
from tasks.record import Attempt, Decision, JobState, OutcomeCode, WaitReason
from tasks.store import Claimed, Go, JobStore, Lease

if TYPE_CHECKING:
    from tasks.record import JobRecord

LEASE = 15.0
START = 1_764_000_000.0


@dataclass
class Ledger:
    """One ledger; `now` is its only clock."""

    redis: Any  # a client; its stubs answer for the asynchronous one too
    now: float = START
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    store: JobStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = JobStore(self.redis, now=lambda: self.now)

    def enqueue(
        self, chatbot: str = "bot", image: str = "media:a.png", job_id: str = "", **fields: Any
    ) -> str:
        _, record = self.store.enqueue(
            UploadJob(chatbot_id=chatbot, image=image, **fields),
            job_id or f"job-{next(self._ids)}",
            lifetime=86_400,
            idempotency_window=3600,
        )
        return record.id

    def claim(self, job_id: str) -> Lease:
        lease = Lease(job_id, f"token-{next(self._ids)}")
        claim = self.store.claim(lease, LEASE, "worker-1")
        assert isinstance(claim, Claimed), claim
        return lease

    def claim_and_admit(self, job_id: str) -> Lease:
        lease = self.claim(job_id)
        assert self.store.admit(lease, LEASE) == Go()
        return lease

    def deliver(self, lease: Lease) -> bool:
        attempt = self.attempt(OutcomeCode.DELIVERED, 200, Decision.SUCCEED)
        return self.store.finish(lease, JobState.SUCCEEDED, OutcomeCode.DELIVERED, "Done.", attempt)

    def fail(self, lease: Lease, code: OutcomeCode = OutcomeCode.CHATBOT_NOT_FOUND) -> bool:
        attempt = self.attempt(code, 404, Decision.FAIL)
        return self.store.finish(lease, JobState.FAILED, code, "No.", attempt)

    def postpone(self, lease: Lease, delay: float = 5.0) -> bool:
        attempt = self.attempt(
            OutcomeCode.SERVER_ERROR, 500, Decision.RETRY, next_at=self.now + delay
        )
        return self.store.postpone(lease, self.now + delay, WaitReason.RETRY, "Broken.", attempt)

    def attempt(
        self,
        code: OutcomeCode,
        status: int | None,
        decision: Decision,
        *,
        next_at: float | None = None,
    ) -> Attempt:
        return Attempt(
            started_at=self.now,
            duration=0.1,
            code=code,
            http_status=status,
            decision=decision,
            reason="Because.",
            next_at=next_at,
            counted=True,
        )

    def tick(self, seconds: float = 0.0) -> Any:
        self.now += seconds
        return self.store.take_due(100)

    def get(self, job_id: str) -> JobRecord:
        return self.store.get(job_id)

    def state(self, job_id: str) -> JobState:
        return self.get(job_id).state

    def messages(self) -> int:
        return int(self.redis.llen(self.store.keys.queue))

    def lose_messages(self) -> None:
        self.redis.delete(self.store.keys.queue)

    def leftovers(self) -> set[str]:
        """Keys of the ledger besides records and the counter."""
        keys = self.store.keys
        return {
            key
            for key in self.redis.keys(keys.base + "*")
            if not key.startswith((keys.job(""), keys.idempotency(""))) and key != keys.generation
        }
