"""What is known of a job: its states, its outcome, its attempts.

Pure values. How they lie in Redis is `store.py`'s affair; which script moves a
job from one state to the next is told in `lua/`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobState(StrEnum):
    """Where a job stands. The last five are terminal: they never change."""

    QUEUED = "queued"
    """Its message is on its way to a worker."""
    RUNNING = "running"
    """A worker holds its lease."""
    WAITING = "waiting"
    """It waits in Redis for `wait_reason`, until `wait_until` at the latest."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer picture of the same chatbot was delivered first."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its deadline passed before it could be delivered."""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in {JobState.QUEUED, JobState.RUNNING, JobState.WAITING}


class OutcomeCode(StrEnum):
    """Why a job ended, or why an attempt did not succeed. Stable: scripts may rely on it."""

    DELIVERED = "delivered"

    # The endpoint refused, for good.
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    CHATBOT_NOT_FOUND = "chatbot_not_found"
    ENDPOINT_GONE = "endpoint_gone"
    IMAGE_REFUSED = "image_refused"
    UNEXPECTED_REDIRECT = "unexpected_redirect"
    REJECTED = "rejected"

    # The image was refused before any request.
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_OUTSIDE_STORE = "image_outside_store"
    IMAGE_CHANGED = "image_changed"
    IMAGE_EMPTY = "image_empty"
    IMAGE_NOT_AN_IMAGE = "image_not_an_image"
    IMAGE_FORMAT_NOT_ALLOWED = "image_format_not_allowed"
    IMAGE_NOT_SQUARE = "image_not_square"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_MANY_PIXELS = "image_too_many_pixels"
    IMAGE_TRUNCATED = "image_truncated"
    IMAGE_ANIMATED = "image_animated"

    # The job itself cannot be carried out.
    INVALID_JOB = "invalid_job"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_STORE = "unknown_store"
    INTERNAL_ERROR = "internal_error"
    CRASH_LOOP = "crash_loop"
    RETRIES_EXHAUSTED = "retries_exhausted"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"

    # Causes that are tried again; they stand in attempts only.
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    TOO_EARLY = "too_early"
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection_failed"
    CONNECTION_LOST = "connection_lost"
    DNS_FAILED = "dns_failed"
    TLS_FAILED = "tls_failed"
    MALFORMED_RESPONSE = "malformed_response"
    IMAGE_STORE_UNAVAILABLE = "image_store_unavailable"
    WORKER_LOST = "worker_lost"


class WaitReason(StrEnum):
    """What a waiting job waits for."""

    SCHEDULED = "scheduled"
    """Its `not_before`."""
    RETRY = "retry"
    """The backoff after an attempt that failed."""
    BACKLOG = "backlog"
    """Earlier jobs of its account."""
    RATE_LIMITED = "rate_limited"
    """The rate of its account, or a pause that the endpoint asked for."""
    ACCOUNT_PAUSED = "account_paused"
    """An operator paused its account, or the endpoint refuses the account's key."""
    ALL_PAUSED = "all_paused"
    """An operator paused everything."""
    ENDPOINT_DOWN = "endpoint_down"
    """The endpoint failed too often; it is tried every few seconds."""
    CHATBOT_BUSY = "chatbot_busy"
    """An earlier upload of its chatbot is in flight."""
    NEWER_UPLOAD = "newer_upload"
    """A newer upload of its chatbot goes first, and supersedes it if it succeeds."""


class Decision(StrEnum):
    """What was decided after an attempt."""

    SUCCEED = "succeed"
    RETRY = "retry"
    FAIL = "fail"
    RESCUE = "rescue"
    """Its worker was lost; another takes over."""


class Cancellation(StrEnum):
    """What came of asking for a job to be cancelled."""

    CANCELLED = "cancelled"
    """It is cancelled; its picture will not be delivered."""
    REQUESTED = "requested"
    """A worker runs it: its picture may still be delivered, but no further try begins."""
    ENDED = "ended"
    """Too late: it had ended before, as its record tells."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job, and what was decided after it.

    Attributes:
        number: position in the job's history, from 1; 0 until it is recorded.
        started_at: Unix seconds.
        duration: seconds, from claim to decision.
        code: what happened.
        http_status: the response's status, if there was a response.
        decision: what was decided.
        reason: why, for a person.
        next_at: Unix seconds of the next try, after `retry`.
        counted: whether it used up one of the job's attempts.
    """

    started_at: float
    duration: float
    code: OutcomeCode
    http_status: int | None
    decision: Decision
    reason: str
    next_at: float | None
    counted: bool
    number: int = 0

    def encode(self) -> str:
        """As JSON, without the number: its field in the record holds that."""
        stored = {name: value for name, value in asdict(self).items() if value is not None}
        del stored["number"]
        return json.dumps(stored, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def decode(cls, number: int, text: str) -> Self:
        """Read what `encode` wrote."""
        stored = json.loads(text)
        return cls(
            number=number,
            started_at=stored["started_at"],
            duration=stored["duration"],
            code=OutcomeCode(stored["code"]),
            http_status=stored.get("http_status"),
            decision=Decision(stored["decision"]),
            reason=stored["reason"],
            next_at=stored.get("next_at"),
            counted=stored["counted"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """All that is known of a job. Times are Unix seconds.

    Attributes:
        id: the job's id, which is its Celery task's id too.
        state: where it stands.
        outcome: why it ended; None until it has.
        message: the outcome, or what it waits for, in a sentence for a person.
        http_status: the last response's status, if there was a response.
        attempts: its history, oldest first; only the newest 32 are kept.
        attempts_used: how many of its attempts it has used up.
        crashes: how many workers were lost while they ran it.
        wait_reason: what it waits for, while waiting.
        wait_until: when somebody looks at it again, while waiting; an estimate for one that
            waits for its account.
        image_sha256: of the image when it was first read, if it was to be read again.
        superseded_by: the newer job of its chatbot that was delivered.
        replay_of: the ended job that this one repeats.
        worker: who ran it last.
        created_at: when it was enqueued.
        started_at: when it was claimed last.
        finished_at: when it ended.
        version: of the record's form.

    The other fields are those of `UploadJob`.
    """

    id: str
    state: JobState
    outcome: OutcomeCode | None
    message: str
    http_status: int | None
    chatbot_id: str
    image: str
    account: str
    fit: str
    sha256: str | None
    idempotency_key: str | None
    not_before: float | None
    expires_at: float
    replay_of: str | None
    superseded_by: str | None
    wait_reason: WaitReason | None
    wait_until: float | None
    image_sha256: str | None
    attempts_used: int
    crashes: int
    worker: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: tuple[Attempt, ...]
    version: int

    @classmethod
    def decode(cls, job_id: str, stored: Mapping[str, str]) -> Self:
        """Read a record's hash; fields it does not know are left alone."""

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
            state=JobState(stored["state"]),
            outcome=OutcomeCode(outcome) if outcome else None,
            message=stored.get("message", ""),
            http_status=int(status) if status else None,
            chatbot_id=stored["chatbot_id"],
            image=stored["image"],
            account=stored["account"],
            fit=stored["fit"],
            sha256=stored.get("sha256"),
            idempotency_key=stored.get("idempotency_key"),
            not_before=number("not_before"),
            expires_at=float(stored["expires_at"]),
            replay_of=stored.get("replay_of"),
            superseded_by=stored.get("superseded_by"),
            wait_reason=WaitReason(reason) if reason else None,
            wait_until=number("wait_until"),
            image_sha256=stored.get("image_sha256") or None,
            attempts_used=int(stored.get("attempts_used", "0")),
            crashes=int(stored.get("crashes", "0")),
            worker=stored.get("worker"),
            created_at=float(stored["created_at"]),
            started_at=number("started_at"),
            finished_at=number("finished_at"),
            attempts=tuple(Attempt.decode(n, stored[f"attempt:{n}"]) for n in history),
            version=int(stored["version"]),
        )

    def as_dict(self) -> dict[str, object]:
        """The record under the same names, ready for JSON."""
        return asdict(self)
