"""The enumerated words of a record: states, outcomes, wait reasons, decisions."""

from enum import StrEnum
from typing import Any, Literal, Self


class OpenEnum(StrEnum):
    """An enumeration to which later releases may add."""

    @classmethod
    def read(cls, text: str) -> Self:
        """The member for a record's text; text of a newer release is kept as it is."""
        try:
            return cls(text)
        except ValueError:
            word = str.__new__(cls, text)
            word._name_, word._value_ = text.upper(), text
            return word

    def __reduce_ex__(self, _: object) -> tuple[Any, ...]:
        # Pickle's own way does not know the text of a newer release.
        return type(self).read, (self.value,)


class JobState(OpenEnum):
    """The state of a job. The last five are terminal: they never change."""

    QUEUED = "queued"
    """Its wake-up message is on its way to a worker."""
    RUNNING = "running"
    """A worker holds its lease."""
    WAITING = "waiting"
    """It waits in Redis because of `wait_reason`, until `wait_until` at the latest."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer image of the same chatbot was delivered first."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its deadline passed before it could be delivered."""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended; False for a state that this release does not know."""
        return self in _TERMINAL


_TERMINAL = {
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.SUPERSEDED,
    JobState.CANCELLED,
    JobState.EXPIRED,
}

StateName = Literal[
    "queued", "running", "waiting", "succeeded", "failed", "superseded", "cancelled", "expired"
]
"""The text of a `JobState`."""


class OutcomeCode(OpenEnum):
    """Why a job ended, or why an attempt did not succeed. Stable: scripts may rely on it."""

    DELIVERED = "delivered"
    """The endpoint took the image."""
    REMOVED = "removed"
    """The endpoint took the image away: the success of a removal."""

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
    IMAGE_TOO_COSTLY = "image_too_costly"

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

    # Causes of another attempt; they appear in attempts only.
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
    WORKER_BUSY = "worker_busy"
    WORKER_LOST = "worker_lost"

    @classmethod
    def of_status(cls, status: int) -> "OutcomeCode":
        """What an HTTP status of the endpoint means."""
        if status in _OF_STATUS:
            return _OF_STATUS[status]
        return _OF_STATUS_CLASS.get(status // 100, cls.MALFORMED_RESPONSE)

    @property
    def is_success(self) -> bool:
        """Whether the job did what it was enqueued for."""
        return self in {OutcomeCode.DELIVERED, OutcomeCode.REMOVED}

    @property
    def is_retryable(self) -> bool:
        """Whether another attempt may succeed."""
        return self in _RETRYABLE


_OF_STATUS = {
    400: OutcomeCode.BAD_REQUEST,
    401: OutcomeCode.UNAUTHORIZED,
    403: OutcomeCode.FORBIDDEN,
    404: OutcomeCode.CHATBOT_NOT_FOUND,
    408: OutcomeCode.TIMEOUT,
    410: OutcomeCode.ENDPOINT_GONE,
    413: OutcomeCode.IMAGE_REFUSED,
    415: OutcomeCode.IMAGE_REFUSED,
    422: OutcomeCode.IMAGE_REFUSED,
    425: OutcomeCode.TOO_EARLY,
    429: OutcomeCode.RATE_LIMITED,
}
_OF_STATUS_CLASS = {
    2: OutcomeCode.DELIVERED,
    3: OutcomeCode.UNEXPECTED_REDIRECT,
    4: OutcomeCode.REJECTED,
    5: OutcomeCode.SERVER_ERROR,
}
_RETRYABLE = {
    OutcomeCode.INTERNAL_ERROR,
    OutcomeCode.SERVER_ERROR,
    OutcomeCode.RATE_LIMITED,
    OutcomeCode.TOO_EARLY,
    OutcomeCode.TIMEOUT,
    OutcomeCode.CONNECTION_FAILED,
    OutcomeCode.CONNECTION_LOST,
    OutcomeCode.DNS_FAILED,
    OutcomeCode.TLS_FAILED,
    OutcomeCode.MALFORMED_RESPONSE,
    OutcomeCode.IMAGE_STORE_UNAVAILABLE,
    OutcomeCode.WORKER_BUSY,
    OutcomeCode.WORKER_LOST,
}


class WaitReason(OpenEnum):
    """Why a job waits."""

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
    """The endpoint's circuit breaker is open; it is probed every few seconds."""
    ACCOUNT_FAILING = "account_failing"
    """The account's circuit breaker is open; it is probed every few seconds."""
    CHATBOT_FAILING = "chatbot_failing"
    """Its chatbot's last upload failed: such chatbots share a fifth of the account's permits."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """No worker has an API key for its account."""
    UNKNOWN_STORE = "unknown_store"
    """No worker knows its image store."""
    STORE_UNAVAILABLE = "store_unavailable"
    """Its image store is out; the workers look every few seconds whether it is back."""
    CHATBOT_BUSY = "chatbot_busy"
    """An earlier upload of its chatbot is in flight."""
    NEWER_UPLOAD = "newer_upload"
    """A newer upload of its chatbot goes first, and supersedes it if it succeeds."""
    QUARANTINED = "quarantined"
    """A worker was lost while it ran this job and others; these run apart from the rest."""
    UNSETTLED = "unsettled"
    """A repeat: an earlier upload of its chatbot got no answer, and may still arrive."""

    @property
    def is_of_account(self) -> bool:
        """Whether the job waits in the account queue, in the order of all jobs of its account."""
        return self in {
            WaitReason.BACKLOG,
            WaitReason.RATE_LIMITED,
            WaitReason.ACCOUNT_PAUSED,
            WaitReason.ALL_PAUSED,
            WaitReason.ENDPOINT_DOWN,
            WaitReason.ACCOUNT_FAILING,
            WaitReason.CHATBOT_FAILING,
        }


class Decision(OpenEnum):
    """What follows an attempt."""

    SUCCEED = "succeed"
    RETRY = "retry"
    FAIL = "fail"
    REPEAT = "repeat"
    """The job was delivered before; its image is uploaded once more."""
    RESCUE = "rescue"
    """The worker lost its lease; another worker takes over."""


class Cancellation(StrEnum):
    """What cancelling a job did."""

    CANCELLED = "cancelled"
    """It is cancelled, now or before; its image will not be delivered."""
    REQUESTED = "requested"
    """A worker runs it: its image may still be delivered, but no further attempt begins."""
    ENDED = "ended"
    """Too late: it had ended before; its record has the outcome."""


class PriorityChange(StrEnum):
    """What moving a job to another priority did."""

    SET = "set"
    """It has the new priority; a running job's next attempt has it."""
    UNCHANGED = "unchanged"
    """It had this priority before."""
    ENDED = "ended"
    """Too late: it had ended before."""
