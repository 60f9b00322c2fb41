"""What the ledger answers a worker, and what a worker tells it of a response.

Pure values; `store.py` makes them out of what the scripts reply.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from facelift.codes import JobState, WaitReason
    from facelift.record import JobRecord
    from facelift.status.pool import Event


class Lease(NamedTuple):
    """The right to write one job's record, as long as it is kept alive."""

    job_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Acquired:
    """The job is ours."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Ended:
    """The job has ended: a duplicate message, a deadline passed, a cancel."""

    state: JobState


@dataclass(frozen=True, slots=True)
class Leased:
    """Somebody runs the job: a duplicate message, or our lease was lost."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such job."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It is not the job's turn.

    Attributes:
        reason: what it waits for.
        message: the same for a person.
        until: Unix seconds; when somebody looks at it again at the latest.
    """

    reason: WaitReason
    message: str
    until: float


class Go(NamedTuple):
    """The request may start now.

    Attributes:
        left: slots left to the account after this one; None if it has no rate.
        admitted: requests that the account was ever let through, this one included.
        throttles: pauses that the endpoint asked of the account, with no success since.
    """

    left: int | None = None
    admitted: int = 0
    throttles: int = 0


class Quota(NamedTuple):
    """The rate limit of a key as the endpoint sees it [V2]; None where it does not say.

    Attributes:
        limit: requests allowed in its window, which it does not name.
        remaining: how many of them are left.
        reset_after: seconds until the window is reset.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a response, or its want, tells of the account and the endpoint.

    Attributes:
        gate: what let the request through.
        answered: whether the endpoint answered as a working one does, be it a refusal.
        fingerprint: of the account's newest API key.
        quota: what the response said of the rate limit.
    """

    gate: Go
    answered: bool
    fingerprint: str
    quota: Quota

    def encode(self) -> str:
        """As JSON, without what is not known."""
        told = {"answered": self.answered, "fingerprint": self.fingerprint}
        told |= self.gate._asdict() | self.quota._asdict()
        known = {name: value for name, value in told.items() if value is not None}
        return _to_json(known)


_to_json = json.JSONEncoder(separators=(",", ":")).encode


class ScheduleRun(NamedTuple):
    """What one look at the schedule did.

    Attributes:
        next_due: seconds until somebody must look again; None when nothing waits.
        events: changes of breaker and pauses that no worker has logged yet, oldest first.
        sent: waiting jobs that became due.
        rescued: jobs whose worker was lost.
        set_aside: those among them that lost too many workers.
        resent: queued jobs whose message was lost.
        expired: jobs whose deadline passed.
    """

    next_due: float | None
    events: tuple[Event, ...]
    sent: int
    rescued: int
    set_aside: int
    resent: int
    expired: int
