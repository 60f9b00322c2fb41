"""The job ledger: one method for each script that changes jobs.

Every method is one round trip and one atomic step; the script's head in `lua/jobs/` says from
which state to which it moves a job. Only `enqueue_each` and `cancel_batch` take a step for each
of many jobs. A method that takes a lease changes nothing unless its token holds the job's lease.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from redis import Redis

from facelift import status
from facelift.attempt import Attempt
from facelift.codes import Cancellation, Decision, JobState, OutcomeCode, WaitReason
from facelift.errors import JobNotFound, LedgerRefused
from facelift.job import UploadJob
from facelift.ledger.clock import ClockWitness
from facelift.ledger.connection import takes_no_writes, translated
from facelift.ledger.encoding import (
    decode_record,
    encode_job,
    encode_refused,
    flat,
    pairs,
    unknown_schema,
)
from facelift.ledger.key_types import find_wrong_types
from facelift.ledger.keys import Keys
from facelift.ledger.notifications import Notifications
from facelift.ledger.pool import Pool
from facelift.ledger.reads import SharedReads
from facelift.ledger.records import Records
from facelift.ledger.refused import RefusedMessages
from facelift.ledger.replies import (
    Acquired,
    Ended,
    Feedback,
    Lease,
    Leased,
    Permit,
    ScheduleRun,
    Unknown,
    Waiting,
)
from facelift.ledger.scripts import Scripts
from facelift.ledger.stores import Stores
from facelift.ledger.webhooks import Webhooks
from facelift.record import SCHEMA_VERSION, JobRecord

_JOBS_A_ROUND_TRIP = 200


class JobStore:
    """The ledger on one Redis; safe to share among threads.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
        now: Unix seconds; by default Redis' own clock, the same for everybody.
        notifications: of changes; by default those that Redis publishes.

    Attributes:
        keys: of the ledger.
        now: Unix seconds, nearly by the ledger's clock; costs no call of Redis.
        records: reads jobs, batches and outcomes.
        reads: reads the records that many wait for.
        notifications: of changes.
        pool: what all workers share beside the jobs.
        webhooks: the ended jobs whose webhook is still to be sent.
        refused: the Celery messages that workers refused for their form.
        stores: which image stores are out, and the jobs that wait for them.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        keys: Keys | None = None,
        now: Callable[[], float] | None = None,
        notifications: Notifications | None = None,
    ) -> None:
        self.keys = keys or Keys()
        self.now = now or time.time
        self._redis = redis
        self._scripts = Scripts(redis, self.keys, now)
        self.records = Records(redis, self.keys, self._scripts)
        self.reads = SharedReads(self.records.get_each)
        self.notifications = notifications or Notifications(redis)
        self.pool = Pool(self._scripts)
        self.webhooks = Webhooks(self._scripts)
        self.refused = RefusedMessages(redis, self.keys)
        self.stores = Stores(self._scripts)

    def enqueue(
        self,
        job: UploadJob,
        job_id: str,
        *,
        lifetime: float,
        idempotency_window: int,
        replay_of: str | None = None,
    ) -> tuple[bool, JobRecord]:
        """Record a job and send its message.

        Args:
            job: what to do.
            job_id: the job's name; one that is known is enqueued already.
            lifetime: seconds until the job expires, if it has no `expires_at`.
            idempotency_window: seconds for which its idempotency key is remembered.
            replay_of: the ended job that this one repeats.

        Returns:
            Whether it is new, and the record under this id or idempotency key.
        """
        arguments = _enqueue_arguments(job, job_id, lifetime, idempotency_window, replay_of)
        return _enqueued(self._scripts.call("jobs/enqueue", *arguments))

    def enqueue_each(
        self,
        jobs: Iterable[tuple[UploadJob, str]],
        *,
        lifetime: float,
        idempotency_window: int,
    ) -> Iterator[tuple[bool, JobRecord]]:
        """Enqueue jobs with their ids: one round trip, a step of its own for each."""
        calls = [_enqueue_arguments(*each, lifetime, idempotency_window) for each in jobs]
        return map(_enqueued, self._scripts.call_each("jobs/enqueue", calls))

    def refuse(
        self, job_id: str, code: OutcomeCode, message: str, fields: Mapping[str, str]
    ) -> bool:
        """Record a job that cannot be carried out as failed; False if its id was known."""
        arguments = (job_id, code, message, *flat(encode_refused(fields)))
        return bool(self._scripts.call("jobs/refuse", *arguments))

    def acquire(
        self, lease: Lease, seconds: float, worker: str
    ) -> Acquired | Ended | Leased | Waiting | Unknown:
        """Acquire the lease of a queued job for `seconds`.

        Raises:
            LedgerRefused: this release does not know the record's schema version. The job stays
                as it is, for a newer worker.
        """
        reply = self._scripts.call("jobs/acquire", *lease, seconds, worker, SCHEMA_VERSION)
        match reply[0]:
            case "acquired":
                return Acquired(decode_record(lease.job_id, pairs(reply[1])))
            case "ended":
                return Ended(JobState.read(reply[1]))
            case "waiting":
                return _waiting(reply)
            case "leased":
                return Leased()
            case "unknown_schema":
                raise unknown_schema(lease.job_id, reply[1])
            case _:
                return Unknown()

    def renew(self, leases: list[Lease], seconds: float) -> list[Lease]:
        """Renew leases for `seconds` from now; returns those that were lost."""
        if not leases:
            return []
        lost = self._scripts.call(
            "jobs/renew", seconds, *(part for each in leases for part in each)
        )
        return [lease for lease in leases if lease.token in lost]

    def acquire_permit(
        self,
        lease: Lease,
        seconds: float,
        longest: float,
        *,
        request: int = 1,
        sha256: str | None = None,
        settled: bool = True,
        keys: Sequence[str] = (),
    ) -> Permit | Ended | Leased | Waiting:
        """Ask whether a request may start now, and renew the lease for `seconds`.

        Asked again for the same request, its permit counts from now on.

        Args:
            lease: on the job.
            seconds: for which it is renewed.
            longest: seconds that the request may take.
            request: its number under this lease, 1 or 2.
            sha256: of the stored image; without it, the ledger takes every request for answered.
            settled: whether the endpoint is done with whatever was sent under this lease.
            keys: fingerprints of the API keys that it may be made with, the newest first; the
                permit names the one to use.
        """
        sent = (sha256 or "", "1" if settled else "")
        arguments = (seconds, longest, request, *sent, " ".join(keys))
        reply = self._scripts.call("jobs/acquire_permit", *lease, *arguments)
        match reply[0]:
            case "permit":
                left, permits, throttles, allowed, key = reply[1:]
                return Permit(
                    left=None if left == "" else int(left),
                    permits=int(permits),
                    throttles=int(throttles),
                    seconds=float(allowed),
                    fingerprint=key,
                )
            case "ended":
                return Ended(JobState.read(reply[1]))
            case "waiting":
                return _waiting(reply)
            case _:
                return Leased()

    def complete(
        self,
        lease: Lease,
        state: JobState,
        code: OutcomeCode,
        message: str,
        attempt: Attempt,
        *,
        feedback: Feedback | None = None,
    ) -> bool:
        """Record the outcome; False if the lease was lost."""
        is_last = attempt.decision is not Decision.REPEAT  # a repeat's is copied elsewhere
        encoded = attempt.encode_last(code, message) if is_last else attempt.encode()
        arguments = (state, code, message, *_attempt_arguments(attempt, encoded, feedback))
        return bool(self._scripts.call("jobs/complete", *lease, *arguments))

    def witness(self, worker: str, on_step: Callable[[], None] = lambda: None) -> ClockWitness:
        """A worker's witness of Redis' clock, which all its calls refer to; see `clock.py`."""
        witness = ClockWitness(self._redis, self.keys, self._scripts, worker, on_step=on_step)
        self._scripts.knowledge = witness.knowledge
        return witness

    def retry_later(
        self,
        lease: Lease,
        until: float,
        reason: WaitReason,
        message: str,
        attempt: Attempt,
        *,
        feedback: Feedback | None = None,
        store: str = "",
    ) -> bool:
        """Have the job wait until `until` (Unix seconds); False if the lease was lost.

        For the reason `rate_limited`, all jobs of its account wait until then. A job that waits
        for an image store, which is named, goes on earlier: once a worker can read from that.
        """
        encoded = attempt.encode()
        arguments = (until, reason, message, *_attempt_arguments(attempt, encoded, feedback))
        return bool(self._scripts.call("jobs/retry_later", *lease, *arguments, store))

    def record_image(self, job_id: str, sha256: str) -> None:
        """Record the hash of a job's image at the first attempt; a later attempt compares."""
        self._scripts.call("jobs/record_image", job_id, sha256)

    def release(self, lease: Lease) -> bool:
        """Give a job that was acquired to another worker; False if the lease was lost."""
        return bool(self._scripts.call("jobs/release", *lease))

    def cancel(self, job_id: str) -> Cancellation:
        """Cancel a job; a running one at its worker's next check.

        Raises:
            JobNotFound: no record under this id.
        """
        reply = str(self._scripts.call("jobs/cancel", job_id))
        if reply == "unknown":
            raise JobNotFound(job_id)
        return Cancellation(reply)

    def cancel_batch(self, batch_id: str) -> tuple[int, int]:
        """Cancel the pending jobs of a batch, each in a step of its own.

        Returns:
            How many jobs this cancelled, and how many a worker runs.
        """
        cancelled, requested = 0, set[str]()
        while True:
            before = cancelled, len(requested)
            # A pass sees the jobs that were there all the time; others may join meanwhile.
            for job_ids in self.records.pending_of_batch(batch_id, _JOBS_A_ROUND_TRIP):
                replies = self._scripts.call_each("jobs/cancel", [[job_id] for job_id in job_ids])
                for job_id, reply in zip(job_ids, replies, strict=True):
                    if reply == Cancellation.CANCELLED:
                        cancelled += 1
                    elif reply == Cancellation.REQUESTED:
                        requested.add(job_id)
            if (cancelled, len(requested)) == before:
                return before

    def set_priority(self, job_id: str, priority: str) -> str:
        """Move a pending job to another priority.

        Returns:
            `set`, `unchanged`, `ended` (too late) or `unknown`.
        """
        return str(self._scripts.call("jobs/set_priority", job_id, priority))

    def set_batch_priority(self, batch_id: str, priority: str) -> int:
        """Move the pending jobs of a batch to another priority, each in a step of its own.

        Returns:
            How many jobs had another priority before.
        """
        moved = 0
        for job_ids in self.records.pending_of_batch(batch_id, _JOBS_A_ROUND_TRIP):
            calls = [[job_id, priority] for job_id in job_ids]
            moved += [*self._scripts.call_each("jobs/set_priority", calls)].count("set")
        return moved

    def run_schedule(self, limit: int) -> ScheduleRun:
        """Handle up to `limit` jobs and accounts that are due."""
        next_due, events, *counts = self._scripts.call("jobs/run_schedule", limit)
        decoded = tuple(status.Event.decode(json.loads(event)) for event in events)
        return ScheduleRun(float(next_due) if next_due else None, decoded, *map(int, counts))

    def prune(self, cursor: str | None, count: int) -> str | None:
        """Remove jobs from the index whose records expired.

        Args:
            cursor: where to go on; None for the beginning.
            count: how many entries to read.

        Returns:
            Where to go on; None at the end.
        """
        return self._scripts.call("jobs/prune", cursor or "-", count) or None

    def ping(self) -> None:
        """Check that Redis answers and takes writes.

        Raises:
            LedgerUnavailable: it does not, or not now.
            LedgerRefused: it is full, cannot save, or refuses these credentials.
        """
        with translated():
            self._redis.set(self.keys.probe, "", px=1)

    def wrong_types(self, limit: int = 1_000) -> "list[status.WrongType]":
        """Keys that hold another Redis type than they must; see `find_wrong_types`."""
        return find_wrong_types(self._redis, self.keys, limit)

    def server(self) -> "status.ServerStatus":
        """How Redis is set up, and whether it takes writes.

        Raises:
            LedgerUnavailable: it cannot be reached, or takes no writes now.
            LedgerRefused: these credentials may not write or ask this.
        """
        refusal = ""
        try:
            self.ping()
        except LedgerRefused as error:
            if not takes_no_writes(error):
                raise
            refusal = str(error)
        with translated():
            info: Any = self._redis.info()
            began = time.monotonic()
            seconds, microseconds = self._redis.time()
            took = time.monotonic() - began
        # Redis read its clock about halfway through.
        skew = time.time() - took / 2 - (seconds + microseconds / 1_000_000)
        return status.ServerStatus.decode(
            info,
            answered_in=took,
            skew=skew,
            refusal=refusal,
            wrong_types=self.wrong_types(),
        )

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()


def _enqueue_arguments(
    job: UploadJob, job_id: str, lifetime: float, window: int, replay_of: str | None = None
) -> list[str | float]:
    fields = encode_job(job)
    if replay_of:
        fields["replay_of"] = replay_of
    return [job_id, job.idempotency_key or "", window, lifetime, *flat(fields)]


def _enqueued(reply: Any) -> tuple[bool, JobRecord]:  # noqa: ANN401 - a script's
    return reply[0] == "created", decode_record(reply[1], pairs(reply[2]))


def _attempt_arguments(
    attempt: Attempt, encoded: str, feedback: Feedback | None
) -> tuple[str | int, ...]:
    status = "" if attempt.http_status is None else attempt.http_status
    return status, encoded, int(attempt.counted), feedback.encode() if feedback else ""


def _waiting(reply: list[str]) -> Waiting:
    reason, message, until, *left = reply[1:]
    return Waiting(WaitReason.read(reason), message, float(until), "".join(left))
