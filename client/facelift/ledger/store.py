"""The ledger: one method a script, and nothing else writes.

Reading is in `record_reader.py`, enqueueing in `record_maker.py`. Every method is
one round trip and one atomic step; what it moves from which state to which is told
in the head of its script in `lua/`. Only `enqueue_each` and `cancel_batch` take a
step for each of many jobs. A method that takes a lease token changes nothing unless
that token holds the job's lease.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from facelift.codes import Cancellation, JobState, WaitReason
from facelift.errors import JobNotFound
from facelift.ledger.connection import translated
from facelift.ledger.key_types import find_wrong_types
from facelift.ledger.keys import Keys
from facelift.ledger.notifications import Notifications
from facelift.ledger.pool import Pool
from facelift.ledger.record_maker import RecordMaker
from facelift.ledger.record_reader import decode, pairs, unknown_schema
from facelift.ledger.replies import Acquired, Ended, Go, Leased, ScheduleRun, Unknown, Waiting
from facelift.ledger.scripts import Scripts
from facelift.ledger.sources import Retention
from facelift.ledger.webhooks import Webhooks
from facelift.status.pool import Event
from facelift.status.server import ServerStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis import Redis

    from facelift.attempt import Attempt
    from facelift.codes import OutcomeCode
    from facelift.ledger.replies import Feedback, Lease
    from facelift.status.server import WrongType

_CANCELLED_AT_ONCE = 200  # jobs in a round trip


class JobStore(RecordMaker):
    """The ledger on one Redis.

    Args:
        redis: a client made with `decode_responses=True`; safe to share among threads.
        keys: tells ledgers on one Redis apart.
        retention: how long ended jobs are kept.
        now: Unix seconds; by default Redis' own clock, the same for everybody.
        notifications: of changes; by default those that Redis publishes.

    Attributes:
        pool: what all workers share beside the jobs.
        webhooks: the ended jobs that somebody is still to be told of.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        keys: Keys | None = None,
        retention: Retention | None = None,
        now: Callable[[], float] | None = None,
        notifications: Notifications | None = None,
    ) -> None:
        keys = keys or Keys()
        super().__init__(redis, keys, Scripts(redis, keys, retention or Retention(), now))
        self.notifications = notifications or Notifications(redis)
        self.pool = Pool(self._scripts)
        self.webhooks = Webhooks(self._scripts)

    def acquire(
        self, lease: Lease, seconds: float, worker: str
    ) -> Acquired | Ended | Leased | Waiting | Unknown:
        """Take a queued job for `seconds`.

        Raises:
            LedgerRefused: the record is of a form that this release does not know. The job is
                left as it is, for a worker that knows it.
        """
        reply = self._call("acquire", *lease, seconds, worker)
        match reply[0]:
            case "acquired":
                return Acquired(decode(lease.job_id, pairs(reply[1])))
            case "ended":
                return Ended(JobState(reply[1]))
            case "waiting":
                return _waiting(reply)
            case "leased":
                return Leased()
            case "unknown_schema":
                raise unknown_schema(lease.job_id, reply[1])
            case _:
                return Unknown()

    def renew(self, leases: list[Lease], seconds: float) -> list[Lease]:
        """Keep leases for `seconds` from now; returns those that were lost."""
        if not leases:
            return []
        lost = self._call("renew", seconds, *(part for lease in leases for part in lease))
        return [lease for lease in leases if lease.token in lost]

    def acquire_permit(
        self, lease: Lease, seconds: float, longest: float, *, request: int = 1
    ) -> Go | Ended | Leased | Waiting:
        """Ask for the request to start, and keep the lease for `seconds`.

        Args:
            lease: on the job.
            seconds: for which it is kept.
            longest: seconds that the request may take.
            request: its number under this lease, 1 or 2.
        """
        reply = self._call("acquire_permit", *lease, seconds, longest, request)
        match reply[0]:
            case "go":
                left, admitted, throttles = reply[1:]
                return Go(None if left == "" else int(left), int(admitted), int(throttles))
            case "ended":
                return Ended(JobState(reply[1]))
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
        told = attempt.encode_last(code, message)
        return self._conclude(
            "complete", lease, (state, code, message), attempt, told=told, feedback=feedback
        )

    def retry_later(
        self,
        lease: Lease,
        until: float,
        reason: WaitReason,
        message: str,
        attempt: Attempt,
        *,
        feedback: Feedback | None = None,
    ) -> bool:
        """Have the job wait until `until` (Unix seconds); False if the lease was lost.

        For the reason `rate_limited`, all jobs of its account wait until then; for
        `endpoint_down`, it waits behind those until the endpoint is back.
        """
        what = (until, reason, message)
        return self._conclude(
            "retry_later", lease, what, attempt, told=attempt.encode(), feedback=feedback
        )

    def record_image(self, job_id: str, sha256: str) -> None:
        """Remember what a job's image hashed to at the first look, for the next one."""
        self._call("record_image", job_id, sha256)

    def release(self, lease: Lease) -> bool:
        """Give a claimed job to another worker; False if the lease was lost."""
        return bool(self._call("release", *lease))

    def cancel(self, job_id: str) -> Cancellation:
        """Cancel a job, or have its worker stop at the next gate.

        Raises:
            JobNotFound: no record under this id.
        """
        reply = str(self._call("cancel", job_id))
        if reply == "unknown":
            raise JobNotFound(job_id)
        return Cancellation(reply)

    def cancel_batch(self, batch_id: str) -> tuple[int, int]:
        """Cancel what has not ended of a batch, each job in a step of its own.

        Returns:
            How many jobs are cancelled by this, and how many a worker runs.
        """
        cancelled, requested = 0, set[str]()
        while True:
            before = cancelled, len(requested)
            # Each pass sees what was there all the time; what is cancelled may bring others in.
            for job_ids in self._pending_of_batch(batch_id):
                replies = self._scripts.call_each("cancel", [[job_id] for job_id in job_ids])
                for job_id, reply in zip(job_ids, replies, strict=True):
                    if reply == Cancellation.CANCELLED:
                        cancelled += 1
                    elif reply == Cancellation.REQUESTED:
                        requested.add(job_id)
            if (cancelled, len(requested)) == before:
                return before

    def _pending_of_batch(self, batch_id: str) -> Iterator[list[str]]:
        cursor = 0
        while True:
            with translated():
                found: Any = self._redis.sscan(
                    self.keys.batch_pending(batch_id), cursor, count=_CANCELLED_AT_ONCE
                )
            cursor, job_ids = found
            if job_ids:
                yield list(job_ids)
            if not cursor:
                return

    def run_schedule(self, limit: int) -> ScheduleRun:
        """Look at up to `limit` jobs whose time has come."""
        next_due, news, *counts = self._call("run_schedule", limit)
        events = tuple(Event.decode(json.loads(event)) for event in news)
        return ScheduleRun(float(next_due) if next_due else None, events, *map(int, counts))

    def prune(self, cursor: str | None, count: int) -> str | None:
        """Strike jobs from the index whose records are gone.

        Args:
            cursor: where to go on; None for the beginning.
            count: how many entries are looked at.

        Returns:
            Where to go on; None at the end.
        """
        return self._call("prune", cursor or "-", count) or None

    def ping(self) -> None:
        """Ask whether Redis answers, and takes writes.

        Raises:
            LedgerUnavailable: it does not, or not now.
            LedgerRefused: it is full, or refuses these credentials.
        """
        with translated():
            self._redis.set(self.keys.probe, "", px=1)

    def wrong_types(self, limit: int = 1_000) -> list[WrongType]:
        """Keys that hold another Redis type than they must; see `find_wrong_types`."""
        return find_wrong_types(self._redis, self.keys, limit)

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def server(self) -> ServerStatus:
        """How Redis is set up, once it is known that it takes writes.

        Raises:
            LedgerUnavailable, LedgerRefused: as for `ping`; or it may not be asked.
        """
        self.ping()
        with translated():
            info: Any = self._redis.info()
            began = time.monotonic()
            seconds, microseconds = self._redis.time()
            took = time.monotonic() - began
        # Redis read its clock about halfway through.
        skew = time.time() - took / 2 - (seconds + microseconds / 1_000_000)
        return ServerStatus.decode(
            info, answered_in=took, skew=skew, wrong_types=self.wrong_types()
        )

    def _conclude(
        self,
        script: str,
        lease: Lease,
        what: tuple[str | float, ...],
        attempt: Attempt,
        *,
        told: str,
        feedback: Feedback | None,
    ) -> bool:
        status = "" if attempt.http_status is None else attempt.http_status
        answer = feedback.encode() if feedback else ""
        return bool(self._call(script, *lease, *what, status, told, int(attempt.counted), answer))


def _waiting(reply: list[str]) -> Waiting:
    return Waiting(WaitReason.read(reply[1]), reply[2], float(reply[3]))
