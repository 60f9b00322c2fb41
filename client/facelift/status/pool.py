"""The state of the pool: circuit breaker, pauses, accounts, workers and the latest events."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from facelift.codes import JobState, OpenEnum, OutcomeCode, WaitReason
from facelift.job import account_key
from facelift.status.worker import WorkerStatus


class BreakerState(OpenEnum):
    """The state of a circuit breaker, of the endpoint or of an account."""

    CLOSED = "closed"
    """Requests are sent."""
    OPEN = "open"
    """Jobs wait."""
    HALF_OPEN = "half_open"
    """A probe is in flight, to see whether uploads succeed again."""


class EventKind(OpenEnum):
    """The kinds of events."""

    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    ACCOUNT_PAUSED = "account_paused"
    ACCOUNT_RESUMED = "account_resumed"
    ACCOUNT_THROTTLED = "account_throttled"
    LIMIT_LOWERED = "limit_lowered"
    ALL_PAUSED = "all_paused"
    ALL_RESUMED = "all_resumed"
    STORE_OUT = "store_out"
    STORE_BACK = "store_back"
    WORKER_LOST = "worker_lost"
    WORKER_RETURNED = "worker_returned"
    CLOCK_SET = "clock_set"
    SETTINGS_CHANGED = "settings_changed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the pool.

    Attributes:
        at: Unix seconds.
        kind: what happened.
        reason: why, for a person; may be empty.
        by: who did it; `facelift` if nobody did.
        account: the account; None for all.
        store: the image store, if it concerns one.
    """

    at: float
    kind: EventKind
    reason: str
    by: str
    account: str | None
    store: str | None = None

    @classmethod
    def decode(cls, stored: Mapping[str, Any]) -> Self:
        """Read an event that a script wrote."""
        return cls(
            at=stored["at"],
            kind=EventKind.read(stored["what"]),
            reason=stored["reason"],
            by=stored["by"],
            account=stored.get("account"),
            store=stored.get("store"),
        )


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause: jobs wait, running ones are finished.

    Attributes:
        code: `operator`, or the outcome code that caused it.
        reason: why, for a person; may be empty.
        by: who did it; `facelift` if nobody did.
        at: Unix seconds of its beginning.
        until: Unix seconds of its end; None until somebody resumes.
    """

    code: str
    reason: str
    by: str
    at: float
    until: float | None

    @classmethod
    def decode(cls, stored: Mapping[str, str], now: float) -> Self | None:
        """Read it from an account's hash, or from the endpoint's; None if there is none."""
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
class SuspectStatus:
    """A chatbot whose last upload failed. Times are Unix seconds.

    Attributes:
        chatbot_id: the chatbot.
        failures: in a row.
        code: of the last one.
        message: the same for a person.
        since: when the first one of them was recorded.
        at: when the last one was.
    """

    chatbot_id: str
    failures: int
    code: OutcomeCode
    message: str
    since: float
    at: float

    @classmethod
    def decode(cls, stored: Mapping[str, Any]) -> Self:
        """Read what the script `snapshot` replies of a suspect."""
        return cls(
            chatbot_id=stored["chatbot_id"],
            failures=int(stored["failures"]),
            code=OutcomeCode.read(stored["code"]),
            message=stored["message"],
            since=float(stored.get("since", stored["at"])),
            at=float(stored["at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """The state of one account.

    Attributes:
        name: the account; `-` counts as `_`.
        is_registered: whether a worker has registered an API key of this account.
        limit: requests that it may make in a `window`; None for no limit.
        window: seconds.
        used: how many of them are used now.
        waiting: jobs in its account queue.
        running: jobs with a worker.
        breaker: the state of its circuit breaker.
        breaker_reason: why it changed last, for a person; empty if it never opened.
        breaker_since: Unix seconds of its last change; None if it never opened.
        next_probe_at: Unix seconds of the next probe; None while the breaker is closed.
        failing_chatbots: those of its chatbots whose last two uploads failed, or more. A single
            failure, as at the beginning of an outage, says little of a chatbot.
        worst: those among them with the most failures in a row, up to ten.
        shares_key_with: other accounts with the same API key; all of them have one rate, one
            queue, one circuit breaker and one pause.
        workers_left: live workers that take none of its jobs, since they have another API key than
            the newest that works.
        has_key: whether it has a key that works, as far as is known. If not, one upload tries one
            before any other goes.
        pause: by an operator, or because the endpoint refused its key; None if it is not paused.
        quiet_until: Unix seconds of the end of a pause that the endpoint asked for.
    """

    name: str
    is_registered: bool
    limit: int | None
    window: float | None
    used: int
    waiting: int
    pause: Pause | None
    quiet_until: float | None
    running: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    breaker_reason: str = ""
    breaker_since: float | None = None
    next_probe_at: float | None = None
    failing_chatbots: int = 0
    worst: tuple[SuspectStatus, ...] = ()
    shares_key_with: tuple[str, ...] = ()
    workers_left: tuple[str, ...] = ()
    has_key: bool = True

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
            running=stored["running"],
            **_breaker(stored),
            failing_chatbots=stored["failing_chatbots"],
            # Lua does not distinguish an empty list from an empty mapping.
            worst=tuple(SuspectStatus.decode(each) for each in stored["worst"] or ()),
            shares_key_with=tuple(sorted(stored["shares_key_with"] or ())),
            workers_left=tuple(sorted(stored["workers_left"] or ())),
            has_key="working_key" in stored or "fingerprint" not in stored,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOutage:
    """An image store that workers cannot read from. Times are Unix seconds.

    Attributes:
        store: its name in the workers' settings.
        workers: those that cannot read from it.
        since: when the first of them noticed.
        reason: why, for a person.
        waiting: jobs that wait for it.
    """

    store: str
    workers: tuple[str, ...]
    since: float
    reason: str
    waiting: int

    @classmethod
    def decode(cls, reports: Iterable[Mapping[str, Any]]) -> tuple[Self, ...]:
        """Read what the script `snapshot` replies: one report of a worker for each outage."""
        by_store: dict[str, list[Mapping[str, Any]]] = {}
        for report in sorted(reports, key=lambda report: float(report["since"])):
            by_store.setdefault(report["store"], []).append(report)
        return tuple(
            cls(
                store=store,
                workers=tuple(report["worker"] for report in found),
                since=float(found[0]["since"]),
                reason=found[0]["reason"],
                waiting=int(found[0]["waiting"]),
            )
            for store, found in sorted(by_store.items())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """What the workers know of Redis' clock.

    Attributes:
        steps: how often it was set since the ledger began.
        step: by how many seconds the last time; below 0 if it was set back.
        stepped_at: Unix seconds, by that clock, at which the last step was noticed; None if there
            was none.
        offset: seconds by which the ledger's own time is ahead of it.
    """

    steps: int = 0
    step: float = 0.0
    stepped_at: float | None = None
    offset: float = 0.0

    @classmethod
    def decode(cls, stored: Mapping[str, str]) -> Self:
        """Read the ledger's hash."""
        at = stored.get("stepped_at")
        return cls(
            steps=int(stored.get("epoch", 0)),
            step=float(stored.get("step", 0)),
            stepped_at=float(at) if at else None,
            offset=float(stored.get("offset", 0)),
        )


_NO_STEP = ClockStatus()
_ENDED = "ended:"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """A snapshot of the pool.

    Attributes:
        at: Unix seconds of the snapshot.
        queued: wake-up messages on the queue.
        running: jobs that workers run.
        waiting: number of waiting jobs by reason; reasons without a job are left out.
        ended: number of jobs that ended since the ledger began, by outcome.
        oldest_at: Unix seconds; when the oldest job was enqueued that is queued, or waits in
            its account queue; None if there is none.
        breaker: the state of the endpoint's circuit breaker.
        breaker_reason: why it changed last, for a person; empty if it never opened.
        breaker_since: Unix seconds of its last change; None if it never opened.
        next_probe_at: Unix seconds of the next probe; None while the breaker is closed.
        pause: the pause of everything; None if there is none.
        accounts: by name.
        workers: the live worker processes, by name.
        events: the latest events, newest first.
        webhooks: ended jobs whose webhook is still to be sent.
        slots: jobs that the live workers can run at once.
        unknown_accounts: of the oldest jobs that wait as `unknown_account`.
        unknown_stores: of the oldest jobs that wait as `unknown_store`.
        generation: how many times the pool's settings changed, from 1; 0 before any worker
            registered.
        settings_of: the worker whose settings hold.
        stores: the image stores that workers cannot read from.
        quarantined: pending jobs that may have ended a worker; they run apart from others.
        clock: what the workers know of Redis' clock.
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
    slots: int = 0
    unknown_accounts: tuple[str, ...] = ()
    unknown_stores: tuple[str, ...] = ()
    generation: int = 0
    settings_of: str = ""
    stores: tuple[StoreOutage, ...] = ()
    quarantined: int = 0
    clock: ClockStatus = _NO_STEP

    @classmethod
    def decode(cls, found: Mapping[str, Any]) -> Self:
        """Read the reply of the script `snapshot`."""
        # Lua does not distinguish an empty list from an empty mapping.
        now, endpoint, accounts = found["at"], found["endpoint"] or {}, found["accounts"] or {}
        config = found["config"] or {}
        return cls(
            at=now,
            queued=found["queued"],
            running=_count(found, JobState.RUNNING),
            waiting=_waiting(found, accounts),
            ended=_ended(found),
            oldest_at=found.get("oldest_at"),
            **_breaker(endpoint),
            pause=Pause.decode(endpoint, now),
            accounts=tuple(
                AccountStatus.decode(name, stored, now) for name, stored in sorted(accounts.items())
            ),
            workers=tuple(
                WorkerStatus.decode(name, stored)
                for name, stored in sorted((found["workers"] or {}).items())
            ),
            events=tuple(Event.decode(event) for event in found["events"] or ()),
            webhooks=found["webhooks"],
            slots=int(endpoint.get("slots", 0)),
            unknown_accounts=tuple(found["unknown_accounts"] or ()),
            unknown_stores=tuple(found["unknown_stores"] or ()),
            generation=int(config.get("generation", 0)),
            settings_of=config.get("settings_of", ""),
            stores=StoreOutage.decode(found["stores"] or ()),
            quarantined=found["quarantined"],
            clock=ClockStatus.decode(found.get("clock") or {}),
        )

    def account(self, name: str) -> AccountStatus | None:
        """The state of the account `name`; None if no worker and no job ever named it."""
        return next((each for each in self.accounts if each.name == account_key(name)), None)

    def as_dict(self) -> dict[str, object]:
        """The same names and values, ready for JSON."""
        return asdict(self)


def _breaker(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a circuit breaker, from an account's hash or from the endpoint's."""
    until, since = stored.get("breaker_until"), stored.get("breaker_since")
    return {
        "breaker": BreakerState.read(stored.get("breaker", BreakerState.CLOSED)),
        "breaker_reason": stored.get("breaker_reason", ""),
        "breaker_since": float(since) if since else None,
        "next_probe_at": float(until) if until else None,
    }


def _count(found: Mapping[str, Any], what: str) -> int:
    return max(0, int((found["counts"] or {}).get(what, 0)))  # below if keys were edited by hand


def _ended(found: Mapping[str, Any]) -> dict[OutcomeCode, int]:
    """Ended jobs by outcome; those that this release knows come first."""
    names = sorted(name for name in found["counts"] or {} if name.startswith(_ENDED))
    added = (OutcomeCode.read(name.removeprefix(_ENDED)) for name in names)
    codes = dict.fromkeys((*OutcomeCode, *added))
    return {code: ended for code in codes if (ended := _count(found, f"{_ENDED}{code}"))}


def _waiting(
    found: Mapping[str, Any], accounts: Mapping[str, Mapping[str, Any]]
) -> dict[WaitReason, int]:
    """Jobs by what they wait for now; in an account queue, only the first waits for the account."""
    counts = found["counts"] or {}
    added = (name for name in counts if name not in tuple(JobState) and _ENDED not in name)
    reasons = dict.fromkeys((*WaitReason, *map(WaitReason.read, sorted(added))))
    waiting = {reason: _count(found, reason) for reason in reasons if not reason.is_of_account}
    for stored in accounts.values():
        first, rest = (
            (WaitReason.read(stored["blocked_by"]),) * 2
            if "blocked_by" in stored
            else (WaitReason.RATE_LIMITED, WaitReason.BACKLOG)
        )
        for reason, jobs in ((first, min(stored["waiting"], 1)), (rest, stored["waiting"] - 1)):
            waiting[reason] = waiting.get(reason, 0) + max(0, jobs)
    return {reason: jobs for reason, jobs in waiting.items() if jobs}
