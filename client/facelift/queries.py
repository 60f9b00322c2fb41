"""What is asked of many jobs at once, and what is told of them. Pure values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from facelift.codes import JobState, OutcomeCode
from facelift.job import account_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facelift.record import JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are looked for; None for any.

    Attributes:
        state: where they stand.
        account: whose they are.
        chatbot_id: whose pictures.
        code: what became of them.
        since: Unix seconds; enqueued then or later.
        before: Unix seconds; enqueued earlier.
        batch: to which they belong.
    """

    state: JobState | None = None
    account: str | None = None
    chatbot_id: str | None = None
    code: OutcomeCode | None = None
    since: float | None = None
    before: float | None = None
    batch: str | None = None

    def encode(self) -> list[str | float]:
        """In the order in which the script `find` takes them, '' for any."""
        account = None if self.account is None else account_key(self.account)
        by_what = (self.state, account, self.chatbot_id, self.code)
        asked = (*by_what, self.since, self.before, self.batch)
        return ["" if each is None else each for each in asked]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the jobs that were looked for, those enqueued last first.

    Attributes:
        records: of the jobs.
        cursor: what to ask with for the next page; None at the end.
    """

    records: tuple[JobRecord, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job, as the stream of outcomes tells it.

    Attributes:
        entry: its place in the stream, such as `1764000000123-0`.
        job_id: the job.
        state: a terminal one.
        outcome: why it ended.
        chatbot_id: its chatbot.
        account: its account.
        created_at: Unix seconds; when it was enqueued.
        finished_at: Unix seconds; when it ended.
    """

    entry: str
    job_id: str
    state: JobState
    outcome: OutcomeCode
    chatbot_id: str
    account: str
    created_at: float
    finished_at: float

    @classmethod
    def decode(cls, entry: str, fields: Mapping[str, str]) -> Self:
        """Read an entry; fields it does not know are left alone."""
        return cls(
            entry=entry,
            job_id=fields["job"],
            state=JobState(fields["state"]),
            outcome=OutcomeCode.read(fields["outcome"]),
            chatbot_id=fields["chatbot_id"],
            account=fields["account"],
            created_at=float(fields["created_at"]),
            finished_at=float(fields["finished_at"]),
        )

    def as_dict(self) -> dict[str, object]:
        """The same under the same names, ready for JSON."""
        return asdict(self)
