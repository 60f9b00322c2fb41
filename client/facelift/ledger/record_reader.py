"""Reads the ledger: a record, many of them, what ended, what changes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from facelift.batch import BatchStatus
from facelift.codes import WaitReason
from facelift.errors import BatchNotFound, JobNotFound, LedgerRefused
from facelift.ledger.connection import translated
from facelift.queries import Outcome, Page
from facelift.record import SCHEMA_VERSION, JobRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis import Redis

    from facelift.ledger.keys import Keys
    from facelift.ledger.scripts import Scripts
    from facelift.queries import JobFilter

_NEWEST = "+"
_LOOKED_AT = 1_000  # entries of the index in one call: some milliseconds of Redis' time


class RecordReader:
    """The ledger on one Redis, as far as it can be read.

    Args:
        redis: a client made with `decode_responses=True`; safe to share among threads.
        keys: tells ledgers on one Redis apart.
        scripts: of the ledger.
    """

    def __init__(self, redis: Redis, keys: Keys, scripts: Scripts) -> None:
        self.keys = keys
        self._redis = redis
        self._scripts = scripts

    def get(self, job_id: str) -> JobRecord:
        """Read a record. What its account's turn waits for is told as it is now.

        Raises:
            JobNotFound: no record under this id.
            LedgerRefused: the record is of a form that this release does not know.
        """
        with translated():
            stored = cast("dict[str, str]", self._redis.hgetall(self.keys.job(job_id)))
        if not stored:
            raise JobNotFound(job_id)
        return decode(job_id, self._as_it_waits_now(job_id, stored))

    def find(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page:
        """Look through all jobs, those enqueued last first, but for those of an unknown form.

        Args:
            wanted: which.
            limit: how many at most.
            cursor: of the page before; None for the first.
        """
        at, records = cursor or _NEWEST, list[JobRecord]()
        while at and len(records) < limit:
            at, *found = self._call("find", at, _LOOKED_AT, limit - len(records), *wanted.encode())
            for job_id, flat in found:
                stored = pairs(flat)
                if _is_known(stored):
                    records.append(decode(job_id, self._as_it_waits_now(job_id, stored)))
        return Page(tuple(records), at or None)

    def batch(self, batch_id: str) -> BatchStatus:
        """How many jobs of a batch are where.

        Raises:
            BatchNotFound: there is none of this name.
            LedgerRefused: it is of a form that this release does not know.
        """
        with translated():
            stored = cast("dict[str, str]", self._redis.hgetall(self.keys.batch(batch_id)))
        if not stored:
            raise BatchNotFound(batch_id)
        try:
            return BatchStatus.decode(batch_id, stored)
        except (KeyError, ValueError) as error:
            raise LedgerRefused(f"the batch {batch_id} cannot be read: {error!r}") from error

    def batches(self, limit: int) -> list[BatchStatus]:
        """How the last batches stand, those that began last first."""
        with translated():
            names: Any = self._redis.zrevrange(self.keys.batches, 0, limit - 1)
        found = []
        for name in names:
            with suppress(BatchNotFound):  # forgotten, and not yet struck from the index
                found.append(self.batch(name))
        return found

    def outcomes(self, after: str, count: int, block: float) -> list[Outcome]:
        """What became of the jobs that ended after an entry of the stream, oldest first.

        Args:
            after: the entry; `0` for all that are there, `$` for those to come.
            count: how many at most.
            block: seconds to wait for the first of them.
        """
        wait = max(1, int(1_000 * block))  # for ever, if it were 0
        with translated():
            reply: Any = self._redis.xread({self.keys.outcomes: after}, count=count, block=wait)
        return [Outcome.decode(entry, fields) for _, found in reply for entry, fields in found]

    def last_outcome(self) -> str:
        """The newest entry of the stream of outcomes; `0-0` if it is empty."""
        with translated():
            newest: Any = self._redis.xrevrange(self.keys.outcomes, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def _as_it_waits_now(self, job_id: str, stored: dict[str, str]) -> dict[str, str]:
        reason = stored.get("wait_reason")
        if reason is None or not WaitReason.read(reason).is_of_account:
            return stored
        now = self._call("explain", job_id)
        return stored | dict(zip(("wait_reason", "message", "wait_until"), now, strict=False))

    def _call(self, script: str, *arguments: str | float) -> Any:  # noqa: ANN401 - replies differ
        return self._scripts.call(script, *arguments)


def decode(job_id: str, stored: Mapping[str, str]) -> JobRecord:
    """Read a record's hash.

    Raises:
        LedgerRefused: it is of a form that this release does not know.
    """
    if not _is_known(stored):
        raise unknown_schema(job_id, stored["version"])
    try:
        return JobRecord.decode(job_id, stored)
    except (KeyError, ValueError) as error:
        raise LedgerRefused(f"the record of job {job_id} cannot be read: {error!r}") from error


def unknown_schema(job_id: str, version: str) -> LedgerRefused:
    """What is said of a record that only another release can read."""
    return LedgerRefused(
        f"the record of job {job_id} is of form {version or 'none'}; this release knows form "
        f"{SCHEMA_VERSION} only, a newer one is needed"
    )


def _is_known(stored: Mapping[str, str]) -> bool:
    return stored.get("version") in {None, str(SCHEMA_VERSION)}


def pairs(flat: list[str]) -> dict[str, str]:
    """A hash as a script replies it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
