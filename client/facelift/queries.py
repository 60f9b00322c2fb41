"""Questions about many jobs, and the answers: a filter, a page of records, an outcome."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, Self

from facelift.asset import Action, Asset
from facelift.codes import JobState, OutcomeCode
from facelift.job import account_key
from facelift.metadata import Metadata, read_metadata
from facelift.record import JobRecord


class JobFilter(NamedTuple):
    """Which jobs to find, by the arguments of `UploadClient.find`; None matches any."""

    state: JobState | None = None
    account: str | None = None
    chatbot_id: str | None = None
    code: OutcomeCode | None = None
    since: float | None = None
    before: float | None = None
    batch: str | None = None
    asset: Asset | None = None
    action: Action | None = None

    def encode(self) -> list[str | float]:
        """The arguments of the script `find`: the fields in their order, '' to match any."""
        account = self.account and account_key(self.account)
        return ["" if each is None else each for each in self._replace(account=account)]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the jobs that were found, newest first.

    Attributes:
        records: their records.
        cursor: the argument for the next page; None at the end.
    """

    records: tuple[JobRecord, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a job, as an entry of the stream of outcomes.

    Attributes:
        entry: its position in the stream, such as `1764000000123-0`.
        job_id: the job.
        state: a terminal one.
        outcome: why it ended.
        chatbot_id: its chatbot.
        account: its account.
        asset: which of the chatbot's images it was about.
        action: what it did to that.
        created_at: Unix seconds; when it was enqueued.
        finished_at: Unix seconds; when it ended.
        message: the outcome in a sentence for a person.
        batch: the job's; None if it has none.
        idempotency_key: the job's; None if it has none.
        metadata: the job's; None if it has none.
    """

    entry: str
    job_id: str
    state: JobState
    outcome: OutcomeCode
    chatbot_id: str
    account: str
    asset: str
    action: str
    created_at: float
    finished_at: float
    message: str = ""
    batch: str | None = None
    idempotency_key: str | None = None
    metadata: Metadata | None = field(default=None, hash=False)

    @classmethod
    def decode(cls, entry: str, fields: Mapping[str, str]) -> Self:
        """Read an entry; unknown fields are ignored."""
        return cls(
            entry=entry,
            job_id=fields["job"],
            state=JobState.read(fields["state"]),
            outcome=OutcomeCode.read(fields["outcome"]),
            chatbot_id=fields["chatbot_id"],
            account=fields["account"],
            asset=fields.get("asset", Asset.PROFILE_PICTURE.value),
            action=fields.get("action", Action.SET.value),
            created_at=float(fields["created_at"]),
            finished_at=float(fields["finished_at"]),
            message=fields.get("message", ""),
            batch=fields.get("batch"),
            idempotency_key=fields.get("idempotency_key"),
            metadata=read_metadata(fields["metadata"]) if "metadata" in fields else None,
        )

    def as_dict(self) -> dict[str, object]:
        """The same names and values, ready for JSON."""
        return asdict(self)
