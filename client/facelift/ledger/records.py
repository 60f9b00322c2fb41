"""Read the ledger: records, batches, outcomes."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, cast

from redis import Redis

from facelift.batch import BatchStatus
from facelift.codes import WaitReason
from facelift.errors import BatchNotFound, FaceliftError, JobNotFound, LedgerRefused
from facelift.ledger.connection import translated
from facelift.ledger.encoding import decode_record, is_known_schema, pairs
from facelift.ledger.keys import Keys
from facelift.ledger.scripts import Scripts
from facelift.queries import JobFilter, Outcome, Page
from facelift.record import JobRecord

_NEWEST = "+"
_EXPLAINED = ("wait_reason", "message", "wait_until")
_ENTRIES_A_CALL = 1_000  # of the index: some milliseconds of Redis' time


class Records:
    """Reads the ledger on one Redis; safe to share among threads.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
        scripts: of the ledger.
    """

    def __init__(self, redis: Redis, keys: Keys, scripts: Scripts) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = scripts

    def get(self, job_id: str) -> JobRecord:
        """Read a record; of a job in its account's queue, with what it waits for at present.

        Raises:
            JobNotFound: no record under this id.
            LedgerRefused: this release does not know the record's schema version.
        """
        with translated():
            fields = cast("dict[str, str]", self._redis.hgetall(self._keys.job(job_id)))
        if not fields:
            raise JobNotFound(job_id)
        return self._decode(job_id, fields)

    def get_each(self, job_ids: Sequence[str]) -> dict[str, JobRecord | FaceliftError]:
        """Read records in one round trip, or two; of a job without one, why there is none."""
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(self._keys.job(job_id))
            replies: Any = pipeline.execute(raise_on_error=False)
        found = dict(zip(job_ids, replies, strict=True))
        waiting = [job_id for job_id in job_ids if _is_of_account(found[job_id])]
        calls = [[job_id] for job_id in waiting]
        explained = self._scripts.call_each("pool/explain", calls) if calls else ()
        for job_id, present in zip(waiting, explained, strict=True):
            found[job_id] |= dict(zip(_EXPLAINED, present, strict=False))
        return {job_id: _record_or_error(job_id, fields) for job_id, fields in found.items()}

    def is_cancellation_requested(self, job_id: str) -> bool:
        """Whether a running job is to be cancelled at its worker's next check."""
        with translated():
            return bool(self._redis.hexists(self._keys.job(job_id), "cancel_requested"))

    def find(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page:
        """Search all jobs, the last enqueued first; records of an unknown schema are left out.

        Args:
            wanted: which jobs.
            limit: how many at most.
            cursor: of the page before; None for the first page.
        """
        at, records = cursor or _NEWEST, list[JobRecord]()
        while at and len(records) < limit:
            at, *found = self._scripts.call(
                "jobs/find", at, _ENTRIES_A_CALL, limit - len(records), *wanted.encode()
            )
            for job_id, flat_fields in found:
                if is_known_schema(fields := pairs(flat_fields)):
                    records.append(self._decode(job_id, fields))
        return Page(tuple(records), at or None)

    def batch(self, batch_id: str) -> BatchStatus:
        """Count the jobs of a batch by state and outcome.

        Raises:
            BatchNotFound: no batch of this name.
            LedgerRefused: this release cannot read it.
        """
        with translated():
            fields = cast("dict[str, str]", self._redis.hgetall(self._keys.batch(batch_id)))
        if not fields:
            raise BatchNotFound(batch_id)
        try:
            return BatchStatus.decode(batch_id, fields)
        except (KeyError, ValueError) as error:
            raise LedgerRefused(f"the batch {batch_id} cannot be read: {error!r}") from error

    def batches(self, limit: int) -> list[BatchStatus]:
        """The last batches, the newest first."""
        with translated():
            names: Any = self._redis.zrevrange(self._keys.batches, 0, limit - 1)
        found = []
        for name in names:
            with suppress(BatchNotFound):  # expired, and not yet pruned from the index
                found.append(self.batch(name))
        return found

    def pending_of_batch(self, batch_id: str, count: int) -> Iterator[list[str]]:
        """Yield the ids of a batch's pending jobs, about `count` at a time.

        One that is pending all the time is yielded at least once.
        """
        cursor = None
        while cursor != 0:
            with translated():
                found: Any = self._redis.sscan(
                    self._keys.batch_pending(batch_id), cursor or 0, count=count
                )
            cursor, job_ids = found
            if job_ids:
                yield list(job_ids)

    def outcomes(self, after: str, count: int, block: float) -> list[Outcome]:
        """The outcomes of jobs that ended after an entry of the stream, oldest first.

        Args:
            after: the entry; `0` for all that are kept, `$` for those to come.
            count: how many at most.
            block: seconds to wait for the first of them.
        """
        # redis-py takes a later answer for none.
        patience = self._redis.connection_pool.connection_kwargs.get("socket_timeout")
        block = min(block, 0.8 * patience) if patience else block
        milliseconds = max(1, int(1_000 * block))  # 0 means for ever
        with translated():
            reply: Any = self._redis.xread(
                {self._keys.outcomes: after}, count=count, block=milliseconds
            )
        pages = (
            chain.from_iterable(reply.values())
            if isinstance(reply, dict)
            else (page for _, page in reply)
        )  # by protocol 3, and by 2
        return [Outcome.decode(entry, fields) for page in pages for entry, fields in page]

    def last_outcome(self) -> str:
        """The newest entry of the stream of outcomes; `0-0` if it is empty."""
        with translated():
            newest: Any = self._redis.xrevrange(self._keys.outcomes, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def _decode(self, job_id: str, fields: dict[str, str]) -> JobRecord:
        if _is_of_account(fields):
            present = self._scripts.call("pool/explain", job_id)
            fields |= dict(zip(_EXPLAINED, present, strict=False))
        return decode_record(job_id, fields)


def _is_of_account(fields: dict[str, str] | Exception) -> bool:
    """Whether the job waits for what concerns its account, which its record does not follow."""
    if isinstance(fields, Exception):
        return False
    reason = fields.get("wait_reason")
    return reason is not None and WaitReason.read(reason).is_of_account


def _record_or_error(job_id: str, fields: dict[str, str] | Exception) -> JobRecord | FaceliftError:
    try:
        with translated():
            if isinstance(fields, Exception):
                raise fields
        return decode_record(job_id, fields) if fields else JobNotFound(job_id)
    except FaceliftError as error:
        return error
