"""Values that pass between a worker and the ledger: leases, replies, feedback of a request."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from facelift.codes import JobState, WaitReason
from facelift.record import JobRecord

if TYPE_CHECKING:
    from facelift import status


class Lease(NamedTuple):
    """The right to write one job's record, while it is renewed in time."""

    job_id: str
    token: str


class Acquired(NamedTuple):
    """The worker holds the job's lease."""

    record: JobRecord


class Ended(NamedTuple):
    """The job has ended: a duplicate message, a deadline that passed, a cancellation."""

    state: JobState


@dataclass(frozen=True, slots=True)
class Leased:
    """Another worker runs the job: a duplicate message, or this worker's lease was lost."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such job."""


class Waiting(NamedTuple):
    """It is not the job's turn.

    Attributes:
        reason: what it waits for.
        message: the same for a person.
        until: Unix seconds; when the scheduler checks it at the latest.
        left: the account of which this worker has another API key than the one that works, if
            the job is left to another worker for that; else empty.
    """

    reason: WaitReason
    message: str
    until: float
    left: str = ""


class Permit(NamedTuple):
    """The request may start now.

    Attributes:
        left: permits left to the account after this one; None if it has no rate.
        permits: how many the account ever had, this one included.
        throttles: pauses that the endpoint asked of the account, with no success since.
        seconds: that the request may take; None for no limit but the worker's own.
        fingerprint: of the API key to use; empty if the worker named none.
    """

    left: int | None = None
    permits: int = 0
    throttles: int = 0
    seconds: float | None = None
    fingerprint: str = ""


class KeyVerdict(StrEnum):
    """What it means that the endpoint refused an API key (401)."""

    KEY = "key"
    """The key is refused: its account waits for another one, unless a worker has one."""
    AGAIN = "again"
    """The key worked before: the job tries again soon."""
    CHATBOT = "chatbot"
    """The key works for other chatbots."""


class Quota(NamedTuple):
    """The endpoint's own rate limit headers [V2]; None where it sent none.

    Attributes:
        limit: requests allowed in its window, whose length it does not send.
        remaining: how many of them are left.
        reset_after: seconds until the window is reset.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None


class Feedback(NamedTuple):
    """What a request says about its account and the endpoint: for rate limiter and breaker.

    Attributes:
        permit: with which the request was made.
        answered: whether the endpoint answered as a working one does, even if it refused.
        settled: whether the endpoint will not apply the request any more: it answered, or nothing
            was sent. If not, the chatbot is unsettled for a while.
        fingerprint: of the API key with which it was made.
        quota: the response's rate limit headers.
    """

    permit: Permit
    answered: bool
    fingerprint: str
    quota: Quota
    settled: bool = True

    def encode(self) -> str:
        """As JSON for the scripts, without what is not known."""
        fields: dict[str, object] = {"answered": self.answered, "settled": self.settled}
        permit = self.permit._replace(seconds=None, fingerprint=self.fingerprint)
        fields |= permit._asdict() | self.quota._asdict()
        known = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(known, separators=(",", ":"))


class ScheduleRun(NamedTuple):
    """What one run of the schedule did.

    Attributes:
        next_due: seconds until the next run; None when nothing waits.
        events: changes of breaker and pauses that no worker has logged yet, oldest first.
        sent: waiting jobs that became due.
        recovered: jobs whose lease was lost with their worker.
        crash_loops: those among them that lost too many workers, and failed.
        resent: queued jobs whose message was lost.
        expired: jobs whose deadline passed.
    """

    next_due: float | None
    events: "tuple[status.Event, ...]"
    sent: int
    recovered: int
    crash_loops: int
    resent: int
    expired: int
