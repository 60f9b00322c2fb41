"""What observers do: read records, wait for jobs, search, follow the stream of outcomes."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from facelift.asset import Action, ActionName, Asset, AssetName, check_action, check_asset
from facelift.checks import Duration, Id, Moment, check_limit, check_time, check_timeout
from facelift.codes import JobState, OutcomeCode, StateName
from facelift.errors import FaceliftError, InvalidJob
from facelift.job import check_account, check_batch, check_chatbot_id, check_job_id
from facelift.operations.follow import Following, follow
from facelift.queries import JobFilter, Outcome, Page
from facelift.record import JobRecord

if TYPE_CHECKING:
    from facelift.ledger.store import JobStore
    from facelift.operations.source import LedgerSource

_T = TypeVar("_T", bound=StrEnum)

_MOST_ON_A_PAGE = 1_000
MOST_AT_ONCE = 500
"""Outcomes that one call reads."""
WATCH_SILENCE, WAIT_SILENCE = 5.0, 30.0
"""Seconds until a job is read without a notification: who waits needs its end alone."""
_LONGEST_WAIT = 2.0  # seconds of one call; the connection allows 5 for an answer
_CURSOR = r"\([0-9]{1,20}-[0-9]{1,20}"
_ENTRY = r"[0-9]{1,20}(-[0-9]{1,20})?"


class WaitTimeout(FaceliftError, TimeoutError):  # noqa: N818 - names what is wrong
    """The job has not ended within the timeout; it goes on.

    Attributes:
        record: the job when it was last read.
        timeout: seconds.
    """

    def __init__(self, record: JobRecord | Mapping[str, Any], timeout: float) -> None:
        super().__init__(record, timeout)
        self.record = record if isinstance(record, JobRecord) else JobRecord.from_dict(record)
        self.timeout = timeout

    def __str__(self) -> str:
        return f"job {self.record.id} is still {self.record.state} after {self.timeout:g} s"


def follow_job(
    ledger: "JobStore", job_id: Id, timeout: Duration | None, silence: float
) -> Following[JobRecord]:
    """Follow a job until it has ended; see `Observer.watch`, and `Following` for `silence`."""
    seconds = check_timeout("timeout", timeout)
    return Following(
        notifications=ledger.notifications,
        channel=ledger.keys.changes(check_job_id(job_id)),
        has_ended=lambda record: record.has_ended,
        timed_out=WaitTimeout,
        timeout=seconds,
        deadline=ledger.notifications.now() + seconds,
        silence=silence,
    )


class Observer:
    """Reads records and the stream of outcomes."""

    def __init__(self, source: "LedgerSource") -> None:
        self._source = source

    def status(self, job_id: Id) -> JobRecord:
        """Read the job's record.

        Raises:
            JobNotFound: it was never enqueued, or its record expired.
        """
        return self._source.ledger.records.get(check_job_id(job_id))

    def wait(self, job_id: Id, timeout: Duration | None = 60.0) -> JobRecord:
        """Wait until the job has ended; Redis notifies.

        All waiting of a client shares one connection. It goes on when Redis is gone meanwhile.

        Args:
            job_id: the job.
            timeout: seconds or a timedelta to wait at most; None to wait until it has ended.

        Raises:
            WaitTimeout: it has not ended by then, or Redis cannot be reached since it was last
                read, which is the error's cause; the job goes on.
            LedgerUnavailable: Redis cannot be reached within the timeout or a second, whichever
                is longer.
            JobNotFound: it was never enqueued, or its record expired.
        """
        *_, record = self._follow(job_id, timeout, WAIT_SILENCE)
        return record

    def watch(self, job_id: Id, timeout: Duration | None = 60.0) -> Iterator[JobRecord]:
        """Yield the job's record, and again at each change until it has ended.

        Args:
            job_id: the job.
            timeout: seconds or a timedelta to watch at most; None to watch until it has ended.

        Raises:
            WaitTimeout, JobNotFound: as for `wait`.
        """
        return self._follow(job_id, timeout, WATCH_SILENCE)

    def _follow(self, job_id: Id, timeout: Duration | None, silence: float) -> Iterator[JobRecord]:
        ledger, name = self._source.ledger, check_job_id(job_id)
        following = follow_job(ledger, name, timeout, silence)
        return follow(following, lambda seconds: ledger.reads.get(name, seconds))

    def find(
        self,
        *,
        state: JobState | StateName | None = None,
        account: str | None = None,
        chatbot_id: Id | None = None,
        code: OutcomeCode | str | None = None,
        since: Moment | None = None,
        before: Moment | None = None,
        batch: Id | None = None,
        asset: Asset | AssetName | None = None,
        action: Action | ActionName | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Search the jobs, newest first.

        The search reads all jobs, a thousand in some milliseconds, until a page is full.

        Args:
            state: their state, such as `failed`.
            account: whose API key they use.
            chatbot_id: their chatbot.
            code: their outcome, such as `image_not_square`.
            since: a datetime with a time zone, a timedelta before now, or Unix seconds; enqueued
                then or later.
            before: the same; enqueued earlier.
            batch: the batch that they belong to.
            asset: which of a chatbot's images they are about, such as `icon`.
            action: whether they `set` or `remove` it.
            limit: how many at most, from 1 to 1,000.
            cursor: of the page before; None for the first.

        Raises:
            InvalidJob: one of these has a wrong value.
        """
        wanted = JobFilter(
            state=_one_of("state", JobState, state),
            account=None if account is None else check_account(account),
            chatbot_id=None if chatbot_id is None else check_chatbot_id(chatbot_id),
            code=_one_of("code", OutcomeCode, code),
            since=check_time("since", since, ago=True),
            before=check_time("before", before, ago=True),
            batch=None if batch is None else check_batch(batch),
            asset=None if asset is None else check_asset(asset),
            action=None if action is None else check_action(action),
        )
        if cursor is not None and not re.fullmatch(_CURSOR, str(cursor)):
            raise InvalidJob("cursor", "must be that of a page")
        return self._source.ledger.records.find(
            wanted, check_limit("limit", limit, _MOST_ON_A_PAGE), cursor
        )

    def history(self, chatbot_id: Id, limit: int = 20) -> tuple[JobRecord, ...]:
        """The last jobs of a chatbot, newest first; see `find`."""
        return self.find(chatbot_id=chatbot_id, limit=limit).records

    def outcomes(self, after: str = "$", *, timeout: Duration | None = None) -> Iterator[Outcome]:
        """Yield the outcomes of jobs, of every producer, as the jobs end.

        About the last 100,000 are kept: to continue after a restart, remember an `entry`.

        Args:
            after: the `entry` after which to begin; `0` for the oldest that is kept, `$` for
                those to come.
            timeout: seconds or a timedelta to wait for the next one; None to wait for ever.

        Raises:
            InvalidJob: an argument has a wrong value.
        """
        return _stream(self._source.ledger, check_entry(after), check_timeout("timeout", timeout))


def check_entry(after: object) -> str:
    """Return `after` if it can be an entry of the stream of outcomes, or `$`."""
    if isinstance(after, str) and (after == "$" or re.fullmatch(_ENTRY, after)):
        return after
    raise InvalidJob("after", "must be an entry of the stream, such as 1764000000123-0")


def _stream(ledger: "JobStore", after: str, timeout: float) -> Iterator[Outcome]:
    if after == "$":
        after = ledger.records.last_outcome()
    now = ledger.notifications.now
    silent_since = now()
    while True:
        left = silent_since + timeout - now()
        found = ledger.records.outcomes(after, MOST_AT_ONCE, min(left, _LONGEST_WAIT))
        for outcome in found:
            yield outcome
            after = outcome.entry
            silent_since = now()
        if not found and now() - silent_since >= timeout:
            return


def _one_of(field: str, kind: type[_T], value: str | None) -> _T | None:
    if value is None or isinstance(value, kind):  # also a word of a newer release
        return value
    try:
        return kind(value)
    except ValueError:
        raise InvalidJob(field, f"must be one of {', '.join(kind)}") from None
