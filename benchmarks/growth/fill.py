"""`python -m benchmarks.growth.fill KIND FIRST COUNT`: put jobs into the ledger.

KIND is `finished` (every script of a delivered job runs, without a worker and an endpoint),
`waiting` (scheduled for tomorrow) or `queued`. Job ids are as long as those that clients make.
"""

from __future__ import annotations

import secrets
import sys
import time
from uuid import UUID

from benchmarks import job
from facelift import UploadClient
from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode
from facelift.ledger.connection import connect
from facelift.ledger.replies import Acquired, Lease
from facelift.ledger.store import JobStore

_DAY = 86_400
_LEASE = 600  # no heartbeat renews it here
_TRIM_EVERY = 1_000
_SENTENCE = "Chatbot Profile Picture uploaded successfully."


def main(kind: str, first: int, count: int) -> None:
    """Add `count` jobs, from number `first` on."""
    redis = connect(job.REDIS)
    client, store = UploadClient(redis=redis, lifetime=7 * _DAY), JobStore(redis)
    not_before = time.time() + _DAY if kind == "waiting" else None
    for number in range(first, first + count):
        job_id = job_id_of(number)
        client.enqueue(
            f"5QHA6VB-{number:012}",
            f"media:bots/{number}.jpg",
            job_id=job_id,
            not_before=not_before,
        )
        if kind == "finished":
            finish(store, acquire(store, job_id))
            if not number % _TRIM_EVERY:
                redis.delete(store.keys.queue)  # messages that no worker will receive
    if kind == "finished":
        redis.delete(store.keys.queue)


def job_id_of(number: int) -> str:
    """The id of the job of that number."""
    return str(UUID(int=number))


def acquire(store: JobStore, job_id: str) -> Lease:
    """Acquire the lease of a job, as a worker does."""
    lease = Lease(job_id, secrets.token_hex(8))
    match store.acquire(lease, _LEASE, "worker-1:4711"):
        case Acquired():
            return lease
        case other:
            raise RuntimeError(f"{job_id} could not be acquired: {other}")


def finish(store: JobStore, lease: Lease) -> None:
    """Complete the job as delivered at the first attempt."""
    attempt = Attempt(
        started_at=time.time(),
        duration=0.1234,
        code=OutcomeCode.DELIVERED,
        http_status=200,
        decision=Decision.SUCCEED,
        reason=_SENTENCE,
        next_at=None,
        counted=True,
    )
    if not store.complete(lease, JobState.SUCCEEDED, OutcomeCode.DELIVERED, _SENTENCE, attempt):
        raise RuntimeError(f"{lease.job_id} could not be finished")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
