"""How the pool stands: the endpoint's breaker, pauses, accounts, workers, what happened lately.

Pure values; `pool.py` reads them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from facelift.codes import Growing, JobState, OutcomeCode, WaitReason
from facelift.job import account_key
from facelift.status.worker import WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


class BreakerState(StrEnum):
    """Whether requests go to the endpoint."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """It is down: they wait."""
    HALF_OPEN = "half_open"
    """One is on its way, to see whether it is back."""


class EventKind(Growing):
    """What may happen to the pool."""

    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    ACCOUNT_PAUSED = "account_paused"
    ACCOUNT_RESUMED = "account_resumed"
    ACCOUNT_THROTTLED = "account_throttled"
    LIMIT_LOWERED = "limit_lowered"
    ALL_PAUSED = "all_paused"
    ALL_RESUMED = "all_resumed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to the pool.

    Attributes:
        at: Unix seconds.
        kind: what.
        reason: why, for a person; may be empty.
        by: who did it; `facelift` for what happens by itself.
        account: whom it concerns; None for everything.
    """

    at: float
    kind: EventKind
    reason: str
    by: str
    account: str | None

    @classmethod
    def decode(cls, stored: Mapping[str, Any]) -> Self:
        """Read what the scripts wrote."""
        return cls(
            at=stored["at"],
            kind=EventKind.read(stored["what"]),
            reason=stored["reason"],
            by=stored["by"],
            account=stored.get("account"),
        )


@dataclass(frozen=True, slots=True)
class Pause:
    """Jobs wait, those under way are finished.

    Attributes:
        code: `operator`, or the outcome code that caused it.
        reason: why, for a person; may be empty.
        by: who did it; `facelift` for what happens by itself.
        at: Unix seconds; since when.
        until: Unix seconds; None until somebody ends it.
    """

    code: str
    reason: str
    by: str
    at: float
    until: float | None

    @classmethod
    def decode(cls, stored: Mapping[str, str], now: float) -> Self | None:
        """Read it from its account's hash, or that of everything; None if there is none."""
        until = float(stored["paused_until"]) if "paused_until" in stored else None
        if "paused" not in stored or (until is not None and until <= now):
            return None
        return cls(
            code=stored["paused"],
            reason=stored.get("pause_reason", ""),
            by=stored["paused_by"],
            at=float(stored["paused_at"]),
            until=until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """How one account stands.

    Attributes:
        name: the account; `-` counts as `_`.
        is_registered: whether a worker ever told that it has a key of this account.
        limit: requests that it may make in `window`; None for no limit.
        window: seconds.
        used: of that, at this moment.
        waiting: jobs that wait for its turn.
        pause: by an operator, or because the endpoint refused its key.
        quiet_until: Unix seconds; until when the endpoint asked for a pause, if it did.
    """

    name: str
    is_registered: bool
    limit: int | None
    window: float | None
    used: int
    waiting: int
    pause: Pause | None
    quiet_until: float | None

    @classmethod
    def decode(cls, name: str, stored: Mapping[str, Any], now: float) -> Self:
        """Read it from the account's hash."""
        limit = int(stored["limit"])
        quiet_until = float(stored.get("quiet_until", 0))
        return cls(
            name=name,
            is_registered="fingerprint" in stored,
            limit=limit or None,
            window=float(stored["window"]) if limit else None,
            used=stored["used"],
            waiting=stored["waiting"],
            pause=Pause.decode(stored, now),
            quiet_until=quiet_until if quiet_until > now else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """How the pool stands.

    Attributes:
        at: Unix seconds; when this was.
        queued: messages on the queue.
        running: jobs in the hands of workers.
        waiting: how many jobs wait, by reason; those that none waits for are left out.
        ended: how many jobs ended since the ledger began, by outcome.
        oldest_at: Unix seconds; when the oldest job was enqueued that only waits for a worker
            or for the turn of its account; None if there is none.
        breaker: whether requests go to the endpoint.
        breaker_reason: why, for a person; empty if it never opened.
        breaker_since: Unix seconds; None if it never opened.
        next_probe_at: Unix seconds; when the endpoint is tried again, unless it is closed.
        pause: of everything.
        accounts: by name.
        workers: the processes that are there, by name.
        events: what happened lately, newest first.
        webhooks: ended jobs that are still to be told by HTTP.
    """

    at: float
    queued: int
    running: int
    waiting: Mapping[WaitReason, int]
    ended: Mapping[OutcomeCode, int]
    oldest_at: float | None
    breaker: BreakerState
    breaker_reason: str
    breaker_since: float | None
    next_probe_at: float | None
    pause: Pause | None
    accounts: tuple[AccountStatus, ...]
    workers: tuple[WorkerStatus, ...]
    events: tuple[Event, ...]
    webhooks: int = 0

    @classmethod
    def decode(cls, found: Mapping[str, Any]) -> Self:
        """Read what the script `survey` replied."""
        # Lua knows no difference between an empty list and an empty mapping.
        now, endpoint, accounts = found["at"], found["endpoint"] or {}, found["accounts"] or {}
        until = endpoint.get("breaker_until")
        since = endpoint.get("breaker_since")
        return cls(
            at=now,
            queued=found["queued"],
            running=_count(found, JobState.RUNNING),
            waiting=_waiting(found, accounts),
            ended={
                code: ended for code in OutcomeCode if (ended := _count(found, f"ended:{code}"))
            },
            oldest_at=found.get("oldest_at"),
            breaker=BreakerState(endpoint.get("breaker", BreakerState.CLOSED)),
            breaker_reason=endpoint.get("breaker_reason", ""),
            breaker_since=float(since) if since else None,
            next_probe_at=float(until) if until else None,
            pause=Pause.decode(endpoint, now),
            accounts=tuple(
                AccountStatus.decode(name, stored, now) for name, stored in sorted(accounts.items())
            ),
            workers=tuple(
                WorkerStatus.decode(name, told)
                for name, told in sorted((found["workers"] or {}).items())
            ),
            events=tuple(Event.decode(event) for event in found["events"] or ()),
            webhooks=found["webhooks"],
        )

    def account(self, name: str) -> AccountStatus | None:
        """How the account `name` stands; None if neither a worker nor a wait ever named it."""
        return next((each for each in self.accounts if each.name == account_key(name)), None)

    def as_dict(self) -> dict[str, object]:
        """The same under the same names, ready for JSON."""
        return asdict(self)


def _count(found: Mapping[str, Any], what: str) -> int:
    return max(0, int((found["counts"] or {}).get(what, 0)))  # below if keys were edited by hand


def _waiting(
    found: Mapping[str, Any], accounts: Mapping[str, Mapping[str, Any]]
) -> dict[WaitReason, int]:
    """Jobs by what they wait for now; what those in lanes began to wait for is no matter."""
    waiting = {reason: _count(found, reason) for reason in WaitReason if not reason.is_of_account}
    for stored in accounts.values():
        first, rest = (
            (WaitReason.read(stored["gate"]),) * 2
            if "gate" in stored
            else (WaitReason.RATE_LIMITED, WaitReason.BACKLOG)
        )
        for reason, jobs in ((first, min(stored["waiting"], 1)), (rest, stored["waiting"] - 1)):
            waiting[reason] = waiting.get(reason, 0) + max(0, jobs)
    return {reason: jobs for reason, jobs in waiting.items() if jobs}
