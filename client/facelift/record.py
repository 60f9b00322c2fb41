"""The record of a job: its state, its outcome and its attempts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from facelift.asset import Action, Asset
from facelift.attempt import Attempt
from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.fit import Fit, Focus, read_focus
from facelift.job import DEFAULT_ACCOUNT, Priority
from facelift.metadata import Metadata, read_metadata

SCHEMA_VERSION = 1
"""The version of the record's schema that this release writes and reads; see docs/contract.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """The record of a job. Times are Unix seconds.

    Attributes:
        id: the job's id; its Celery task has the same.
        state: its present state.
        outcome: why it ended; None until it has.
        message: its outcome, or what it waits for, in a sentence for a person.
        http_status: the last response's status, if there was a response.
        attempts: its history, oldest first; only the newest 32 are kept.
        attempts_used: how many attempts counted.
        lost_leases: how often a worker was lost while it ran the job.
        crashes: how many of these workers no other job may have ended, as far as is known; the
            third ends the job as `crash_loop`.
        wait_reason: what it waits for, while waiting.
        wait_until: when it is due again, while waiting; an estimate if it waits for its
            account.
        image_sha256: of the image when it was first read, if it was to be read again.
        superseded_by: the newer job of its chatbot that was delivered.
        replay_of: the ended job that this one repeats.
        repeat_at: when the image is uploaded once more, because an earlier upload of the chatbot
            got no answer and may still arrive.
        repeats: of such a repeat, the delivered job.
        worker: the worker that ran it last.
        created_at: when it was enqueued.
        started_at: when a worker last acquired its lease.
        finished_at: when it ended.
        version: of the record's schema; see `SCHEMA_VERSION`.

    The other fields are those of `UploadJob`.
    """

    id: str
    state: JobState
    outcome: OutcomeCode | None
    message: str
    http_status: int | None
    chatbot_id: str
    image: str | None
    account: str
    fit: str
    fit_focus: Focus | None
    sha256: str | None
    idempotency_key: str | None
    not_before: float | None
    expires_at: float
    batch: str | None
    priority: str
    fairness_key: str | None
    asset: str
    action: str
    metadata: Metadata | None = field(hash=False)
    replay_of: str | None
    superseded_by: str | None
    repeat_at: float | None
    repeats: str | None
    wait_reason: WaitReason | None
    wait_until: float | None
    image_sha256: str | None
    attempts_used: int
    lost_leases: int
    crashes: int
    worker: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: tuple[Attempt, ...]
    version: int

    @classmethod
    def decode(cls, job_id: str, stored: Mapping[str, str]) -> Self:
        """Read a record's hash; unknown fields are ignored."""

        def number(name: str) -> float | None:
            return float(stored[name]) if name in stored else None

        status = stored.get("http_status")
        outcome = stored.get("outcome")
        reason = stored.get("wait_reason")
        history = sorted(
            int(name.removeprefix("attempt:")) for name in stored if name.startswith("attempt:")
        )
        return cls(
            id=job_id,
            state=JobState.read(stored["state"]),
            outcome=OutcomeCode.read(outcome) if outcome else None,
            message=stored.get("message", ""),
            http_status=int(status) if status else None,
            chatbot_id=stored["chatbot_id"],
            image=stored.get("image"),
            account=stored.get("account", DEFAULT_ACCOUNT),
            fit=stored.get("fit", Fit.STRICT.value),
            fit_focus=read_focus(stored["fit_focus"]) if "fit_focus" in stored else None,
            sha256=stored.get("sha256"),
            idempotency_key=stored.get("idempotency_key"),
            not_before=number("not_before"),
            expires_at=float(stored["expires_at"]),
            batch=stored.get("batch"),
            priority=stored.get("priority", Priority.NORMAL.value),
            fairness_key=stored.get("fairness_key"),
            asset=stored.get("asset", Asset.PROFILE_PICTURE.value),
            action=stored.get("action", Action.SET.value),
            metadata=read_metadata(stored["metadata"]) if "metadata" in stored else None,
            replay_of=stored.get("replay_of"),
            superseded_by=stored.get("superseded_by"),
            repeat_at=number("repeat_at"),
            repeats=stored.get("repeats"),
            wait_reason=WaitReason.read(reason) if reason else None,
            wait_until=number("wait_until"),
            image_sha256=stored.get("image_sha256") or None,
            attempts_used=int(stored.get("attempts_used", "0")),
            lost_leases=int(stored.get("lost_leases", "0")),
            crashes=int(stored.get("crashes", "0")),
            worker=stored.get("worker"),
            created_at=float(stored["created_at"]),
            started_at=number("started_at"),
            finished_at=number("finished_at"),
            attempts=tuple(Attempt.decode(n, stored[f"attempt:{n}"], stored) for n in history),
            version=int(stored["version"]),
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more, also in a state that this release does not know."""
        return self.state.is_terminal or self.finished_at is not None

    @property
    def subject(self) -> str:
        """Whose image it is about, and which, for a person.

        The chatbot alone if its profile picture is set, else `icon of bot-42`, `remove the
        picture of bot-42`, and `removed the picture of bot-42` once that is done.
        """
        is_picture = self.asset == Asset.PROFILE_PICTURE
        noun = "picture" if is_picture else self.asset.replace("_", " ")
        if self.action == Action.SET:
            return self.chatbot_id if is_picture else f"{noun} of {self.chatbot_id}"
        is_done = self.action == Action.REMOVE and self.state is JobState.SUCCEEDED
        return f"{'removed' if is_done else self.action} the {noun} of {self.chatbot_id}"

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make it of what `as_dict` returned, also after a way through JSON.

        Fields that a newer release added are left out, and unknown words kept as they are.
        """
        made = {name: value for name, value in given.items() if name in cls.__dataclass_fields__}
        outcome, reason = given["outcome"], given["wait_reason"]
        focus = given.get("fit_focus")
        return cls(
            **made
            | {
                "state": JobState.read(given["state"]),
                "outcome": OutcomeCode.read(outcome) if outcome else None,
                "wait_reason": WaitReason.read(reason) if reason else None,
                "fit_focus": focus and tuple(focus),
                "attempts": tuple(map(Attempt.from_dict, given["attempts"])),
            }
        )

    def as_dict(self) -> dict[str, object]:
        """The same names and values, ready for JSON."""
        return asdict(self)

    __json__ = as_dict
    """What encoders of JSON such as Celery's ask for."""
