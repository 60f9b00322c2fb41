"""The ledger in plain Python: what its scripts must do, without Redis, Lua or strings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tests.ledger.driver import LEASE

RESEND, RESEND_LATEST, IN_FLIGHT = 10, 120, 5
TOGETHER, MOST_CRASHES, QUIET = 10, 3, 3
PENDING = {"queued", "running", "waiting"}
TURN = {"newer_upload", "chatbot_busy"}


@dataclass
class Job:
    """One job; `due` is its time in the schedule, `chatbot` whatever has an order of its own."""

    id: str
    chatbot: str
    expires: float
    state: str = ""
    reason: str | None = None
    due: float | None = None
    generation: int | None = None
    token: str | None = None
    lease_until: float = 0
    queued_at: float = 0
    attempts_used: int = 0
    lost_leases: int = 0
    started: float = 0
    together: float | None = None
    crashes: int = 0
    quiet: float = 0
    cancel_requested: bool = False
    superseded_by: str | None = None
    batch: str | None = None


@dataclass
class Model:
    """All jobs, and the queue with its oldest message first."""

    now: float
    jobs: dict[str, Job] = field(default_factory=dict)
    queue: list[tuple[float, str]] = field(default_factory=list)
    generations: int = 0
    quarantine: dict[str, float] = field(default_factory=dict)
    quarantine_due: float = math.inf
    lost_at: float = -math.inf

    # What the world does.

    def enqueue(
        self,
        job_id: str,
        chatbot: str,
        expires: float,
        not_before: float | None,
        batch: str | None,
    ) -> None:
        job = self.jobs[job_id] = Job(job_id, chatbot, expires, batch=batch)
        if not_before is not None and not_before > self.now:
            self._wait(job, "scheduled", not_before)
        else:
            self._join(job)
            self._route(job)

    def acquire(self, job_id: str, token: str) -> str:
        job = self.jobs[job_id]
        if job.state not in PENDING:
            return "ended"
        if job.state == "running":
            return "leased"
        if job.expires <= self.now:
            self._end(job, "expired")
            return "ended"
        if job.state == "queued" and (reason := self._obstacle(job)):
            self._wait(job, reason, job.expires)
        if job.state == "waiting":
            return "waiting"
        job.state, job.reason, job.token = "running", None, token
        job.started = self.now
        job.lease_until = job.due = self.now + LEASE
        return "acquired"

    def acquire_permit(self, job_id: str, token: str) -> str:
        job = self.jobs[job_id]
        if self._did(job, token):
            return "waiting" if job.state in PENDING else "ended"
        if not self._owns(job, token):
            return "lost"
        if job.cancel_requested or job.expires <= self.now:
            self._end(job, "cancelled" if job.cancel_requested else "expired")
            return "ended"
        if reason := self._obstacle(job):
            self._wait(job, reason, job.expires)
            self._advance(job.chatbot)
            return "waiting"
        job.lease_until = job.due = self.now + LEASE
        return "permit"

    def finish(self, job_id: str, token: str, state: str) -> bool:
        job = self.jobs[job_id]
        if not self._owns(job, token):
            return self._did(job, token)
        job.attempts_used += 1
        self._end(job, state)
        return True

    def retry_later(self, job_id: str, token: str, delay: float) -> bool:
        job = self.jobs[job_id]
        if not self._owns(job, token):
            return self._did(job, token)
        job.attempts_used += 1
        if job.cancel_requested:
            self._end(job, "cancelled")
        else:
            self._wait(job, "retry", self.now + delay)
            self._advance(job.chatbot)
        return True

    def release(self, job_id: str, token: str) -> bool:
        job = self.jobs[job_id]
        if not self._owns(job, token):
            return self._did(job, f"released {token}")
        job.token = f"released {token}"
        self._requeue(job)
        return True

    def renew(self, job_id: str, token: str) -> bool:
        job = self.jobs[job_id]
        if not self._owns(job, token):
            return False
        job.lease_until = job.due = self.now + LEASE
        return True

    def cancel(self, job_id: str) -> str:
        job = self.jobs[job_id]
        if job.state not in PENDING:
            return "cancelled" if job.state == "cancelled" else "ended"
        if job.state == "running":
            job.cancel_requested = True
            return "requested"
        self._end(job, "cancelled")
        return "cancelled"

    def run_once(self) -> None:
        due = sorted(
            [(self.quarantine_due, "quarantine")] * (self.quarantine_due <= self.now)
            + [
                (job.due, job.id)
                for job in self.jobs.values()
                if job.due is not None and job.due <= self.now
            ]
        )
        oldest = self.queue[0][0] if self.queue else math.inf
        for _, job_id in due:
            if job_id == "quarantine":
                self._check_quarantine()
                continue
            job = self.jobs[job_id]
            if job.state == "running":
                self._rescue(job)
            elif job.state in PENDING and job.expires <= self.now:
                self._end(job, "expired")
            elif job.state == "queued":
                self._check_message(job, oldest)
            elif job.state == "waiting":
                if job.generation is None:
                    self._join(job)
                self._route(job)

    # What the ledger makes of it.

    def _rescue(self, job: Job) -> None:
        if job.lease_until > self.now:
            job.due = job.lease_until
            return
        """Each job has a worker of its own: from the second loss on, it is the only suspect."""
        job.lost_leases += 1
        job.token, self.lost_at = None, self.now
        if job.cancel_requested:
            self._end(job, "cancelled")
            return
        self._leave_worker(job)
        at = self.now
        if job.together:
            job.crashes += 1
            ran = self.now - job.started
            longest = min(3 * ran, 20) if job.crashes == 1 else min(10 * ran, 30)
            job.quiet = max(QUIET, longest)
            at += job.quiet if job.crashes < MOST_CRASHES else 0
        before = job.together
        job.together = (max(0.1, before // 3) if before > 1 else 0.1) if before else TOGETHER
        self.quarantine[job.id] = at
        self.quarantine_due = min(self.quarantine_due, at)
        self._wait(job, "quarantined", job.expires)
        self._advance(job.chatbot)

    def _check_quarantine(self) -> None:
        sent = 0
        due = sorted((at, job) for job, at in self.quarantine.items() if at <= self.now)
        for _, job_id in due:
            job = self.jobs[job_id]
            if job.reason != "quarantined":
                del self.quarantine[job_id]
            elif job.crashes >= MOST_CRASHES:
                self._end(job, "failed")
            elif self.lost_at + job.quiet > self.now and job.quiet:
                self.quarantine[job_id] = self.lost_at + job.quiet
            elif sent < self._most_beside(job):
                del self.quarantine[job_id]
                sent += 1
                self._route(job)
        self.quarantine_due = max(self.now + 0.5, min(self.quarantine.values(), default=math.inf))

    def _leave_worker(self, job: Job) -> None:
        if job.state == "running" and job.together and self.quarantine:
            self.quarantine_due = min(self.quarantine_due, self.now)
        job.state = ""

    def _most_beside(self, job: Job) -> int:
        if job.crashes > 1:
            return 1
        doubled = min(8, (self.now - self.lost_at) // 3)
        return max(1, int((0.1 if job.crashes else job.together or 0) * 2**doubled))

    def _requeue(self, job: Job) -> None:
        if job.cancel_requested:
            self._end(job, "cancelled")
        else:
            self._leave_worker(job)  # releases its chatbot
            self._route(job)
            self._advance(job.chatbot)

    def _check_message(self, job: Job, oldest: float) -> None:
        if job.queued_at < oldest and job.queued_at + IN_FLIGHT <= self.now:
            self._send(job)
        else:
            job.due = self.now + max(RESEND, min(job.queued_at - oldest, RESEND_LATEST))

    def _line(self, chatbot: str) -> list[Job]:
        jobs = [job for job in self.jobs.values() if job.chatbot == chatbot and job.generation]
        return sorted(
            (job for job in jobs if job.state in PENDING or not job.state),
            key=lambda job: job.generation or 0,
        )

    def _obstacle(self, job: Job) -> str | None:
        line = self._line(job.chatbot)
        if line[-1] is not job:
            return "newer_upload"
        if any(other.state == "running" and other is not job for other in line):
            return "chatbot_busy"
        return None

    def _route(self, job: Job) -> None:
        if reason := self._obstacle(job):
            self._wait(job, reason, job.expires)
        else:
            self._send(job)

    def _advance(self, chatbot: str) -> None:
        line = self._line(chatbot)
        if line and line[-1].reason in TURN and not any(j.state == "running" for j in line):
            self._send(line[-1])

    def _join(self, job: Job) -> None:
        for older in self._line(job.chatbot)[-1:]:
            if older.state == "queued":
                self._wait(older, "newer_upload", older.expires)
        self.generations += 1
        job.generation = self.generations

    def _send(self, job: Job) -> None:
        job.state, job.reason = "queued", None
        job.queued_at, job.due = self.now, self.now + RESEND
        self.queue.append((self.now, job.id))

    def _wait(self, job: Job, reason: str, until: float) -> None:
        self._leave_worker(job)
        job.state, job.reason, job.due = "waiting", reason, min(until, job.expires)

    def _end(self, job: Job, state: str) -> None:
        if state == "succeeded":
            for older in self._line(job.chatbot):
                if (older.generation or 0) < (job.generation or 0):
                    older.state, older.reason, older.due = "superseded", None, None
                    older.superseded_by = job.id
                    self.quarantine.pop(older.id, None)
        self._leave_worker(job)
        self.quarantine.pop(job.id, None)
        job.state, job.reason, job.due = state, None, None
        self._advance(job.chatbot)

    def _owns(self, job: Job, token: str) -> bool:
        return job.state == "running" and job.token == token

    def _did(self, job: Job, token: str) -> bool:
        return job.state != "running" and job.token == token
