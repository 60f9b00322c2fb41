"""The observer's side: where jobs stand, what became of them, being told of changes.

An `UploadClient` can do all of this; what producers do is in `client.py`.
"""

from __future__ import annotations

import re
import time
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from facelift.codes import JobState, OutcomeCode
from facelift.errors import FaceliftError, InvalidJob
from facelift.job import check_account, check_batch, check_job_id, check_time
from facelift.operations.follow import Patience, follow
from facelift.queries import JobFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from facelift.ledger.record_reader import RecordReader
    from facelift.queries import Outcome, Page
    from facelift.record import JobRecord

_T = TypeVar("_T", bound=StrEnum)

_MOST_ON_A_PAGE = 1_000
_MOST_AT_ONCE = 500
_LONGEST_WAIT = 2.0  # of one call; Redis has 5 s to answer
_CURSOR = re.compile(r"\([0-9]{1,20}-[0-9]{1,20}")
_ENTRY = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?")


class WaitTimeout(FaceliftError):  # noqa: N818 - names what is wrong
    """The job has not ended within the timeout; it goes on.

    Attributes:
        record: the job when it was last read.
    """

    def __init__(self, record: JobRecord, timeout: float) -> None:
        super().__init__(f"job {record.id} is still {record.state} after {timeout:g} s")
        self.record = record


class Observer:
    """Reads records and the stream of outcomes.

    Args:
        records: the ledger.
    """

    def __init__(self, records: RecordReader) -> None:
        self._records = records

    def status(self, job_id: str) -> JobRecord:
        """Where the job stands.

        Raises:
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable: Redis cannot be reached.
        """
        return self._records.get(check_job_id(job_id))

    def wait(
        self,
        job_id: str,
        timeout: float = 60.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> JobRecord:
        """Wait until the job has ended. Redis tells; meanwhile a connection is in use.

        Args:
            job_id: the job.
            timeout: seconds to wait at most.
            monotonic: how to tell time.

        Raises:
            WaitTimeout: it has not ended by then; it goes on.
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable: Redis cannot be reached.
        """
        *_, record = self.watch(job_id, timeout, monotonic=monotonic)
        return record

    def watch(
        self,
        job_id: str,
        timeout: float = 60.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Iterator[JobRecord]:
        """Yield the job's record as it is, and again at each change until it has ended.

        Args:
            job_id: the job.
            timeout: seconds to watch at most.
            monotonic: how to tell time.

        Raises:
            WaitTimeout: it has not ended by then; it goes on.
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable: Redis cannot be reached.
        """
        return follow(
            lambda: self.status(job_id),
            lambda record: record.state.is_terminal,
            lambda: self._records.listening(self._records.keys.changes(job_id)),
            Patience(timeout, monotonic=monotonic),
            lambda record: WaitTimeout(record, timeout),
        )

    def find(
        self,
        *,
        state: str | None = None,
        account: str | None = None,
        chatbot_id: str | None = None,
        code: str | None = None,
        since: float | datetime | None = None,
        before: float | datetime | None = None,
        batch: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Look for jobs, those enqueued last first.

        All jobs are looked through, a thousand in some milliseconds, until a page is full.

        Args:
            state: where they stand, such as `failed`.
            account: whose API key they use.
            chatbot_id: whose pictures they are.
            code: what became of them, such as `image_not_square`.
            since: Unix seconds or a time with its zone; enqueued then or later.
            before: the same; enqueued earlier.
            batch: to which they belong.
            limit: how many at most, from 1 to 1,000.
            cursor: of the page before; None for the first.

        Raises:
            InvalidJob: one of these is not what it must be.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        if not 1 <= limit <= _MOST_ON_A_PAGE:
            raise InvalidJob("limit", f"must be a whole number from 1 to {_MOST_ON_A_PAGE}")
        wanted = JobFilter(
            state=_one_of("state", JobState, state),
            account=None if account is None else check_account(account),
            chatbot_id=chatbot_id,
            code=_one_of("code", OutcomeCode, code),
            since=check_time("since", since),
            before=check_time("before", before),
            batch=None if batch is None else check_batch(batch),
        )
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidJob("cursor", "must be that of a page")
        return self._records.find(wanted, limit, cursor)

    def history(self, chatbot_id: str, limit: int = 20) -> tuple[JobRecord, ...]:
        """The last jobs of a chatbot, the newest first; see `find`."""
        return self.find(chatbot_id=chatbot_id, limit=limit).records

    def outcomes(
        self,
        after: str = "$",
        *,
        timeout: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Iterator[Outcome]:
        """What becomes of jobs, of whichever producer, as they end.

        The last 100,000 or so are kept, so whoever remembers an `entry` can go on there.

        Args:
            after: the `entry` after which to begin; `0` for the oldest that is kept, `$` for
                what is to come.
            timeout: seconds to wait for the next; None for ever.
            monotonic: how to tell time.

        Raises:
            InvalidJob: `after` is no entry.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        after = self._records.last_outcome() if after == "$" else _check_entry(after)
        silent_since = monotonic()
        while True:
            left = None if timeout is None else silent_since + timeout - monotonic()
            found = self._records.outcomes(
                after, _MOST_AT_ONCE, _LONGEST_WAIT if left is None else min(left, _LONGEST_WAIT)
            )
            for outcome in found:
                yield outcome
                after = outcome.entry
                silent_since = monotonic()
            if not found and left is not None and left <= _LONGEST_WAIT:
                return


def _check_entry(after: str) -> str:
    if not _ENTRY.fullmatch(after):
        raise InvalidJob("after", "must be an entry of the stream, such as 1764000000123-0")
    return after


def _one_of(field: str, kind: type[_T], value: str | None) -> _T | None:
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise InvalidJob(field, f"must be one of {', '.join(kind)}") from None
