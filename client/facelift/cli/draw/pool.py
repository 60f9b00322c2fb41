"""How the pool stands, as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.cli.draw.layout import WIDTH, clock, date, fact, filled, moment
from facelift.status.pool import BreakerState, EventKind
from facelift.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from facelift.status.pool import AccountStatus, Event, Pause, PoolStatus
    from facelift.status.worker import WorkerStatus

_ACCOUNT, _WORKER = 20, 40  # names up to so long share a column
_TEXT = 30
_EVENTS = {
    EventKind.BREAKER_OPENED: "breaker opened",
    EventKind.BREAKER_CLOSED: "breaker closed",
    EventKind.ACCOUNT_PAUSED: "account {account} paused",
    EventKind.ACCOUNT_RESUMED: "account {account} resumed",
    EventKind.ACCOUNT_THROTTLED: "account {account} throttled",
    EventKind.LIMIT_LOWERED: "limit of account {account} lowered",
    EventKind.ALL_PAUSED: "everything paused",
    EventKind.ALL_RESUMED: "everything resumed",
}


def describe_pool(pool: PoolStatus) -> str:
    """Everything an operator wants to know of the pool."""
    return "\n".join(_lines(pool))


def describe_pause(pause: Pause, now: float) -> str:
    """Who paused it, since when, until when and why."""
    until = "" if pause.until is None else f", until {moment(pause.until, now)}"
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused by {pause.by} since {moment(pause.at, now)}{until}{why}"


def _lines(pool: PoolStatus) -> Iterator[str]:
    yield fact("Pool", date(pool.at))
    yield fact("Endpoint", describe_breaker(pool))
    if pool.pause:
        yield fact("All jobs", describe_pause(pool.pause, pool.at))
    yield fact("Queue", counted(pool.queued, "message"))
    yield fact("Running", counted(pool.running, "job"))
    yield fact("Waiting", describe_waiting(pool))
    if pool.oldest_at:
        yield fact("Oldest", f"enqueued {moment(pool.oldest_at, pool.at)}, waits for its turn")
    if pool.webhooks:
        yield fact("Webhooks", f"{counted(pool.webhooks, 'job')} still to be told")
    yield ""
    yield from _accounts(pool)
    yield ""
    yield from _workers(pool)
    if pool.events:
        yield ""
        yield "Lately"
        for event in pool.events:
            yield _event(event, pool.at)


def counted(count: int, what: str) -> str:
    """So many of them: `1 job`, `2 jobs`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def describe_waiting(pool: PoolStatus) -> str:
    """How many jobs wait, by reason."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in pool.waiting.items())
    return counted(sum(pool.waiting.values()), "job") + (reasons and f": {reasons}")


def describe_breaker(pool: PoolStatus) -> str:
    """Whether requests go to the endpoint, since when and why."""
    since = f" since {moment(pool.breaker_since, pool.at)}" if pool.breaker_since else ""
    why = f": {pool.breaker_reason}" if pool.breaker_reason else ""
    if pool.breaker is BreakerState.CLOSED:
        return f"breaker closed{since}{why or ': requests are let through'}"
    if pool.breaker is BreakerState.HALF_OPEN:
        return f"breaker half open{since}{why} A probe is under way."
    due = pool.next_probe_at
    probe = "at the next job" if due is None or due <= pool.at else f"at {moment(due, pool.at)}"
    return f"breaker open{since}{why} Next probe {probe}."


def _accounts(pool: PoolStatus) -> Iterator[str]:
    if not pool.accounts:
        yield "No worker has told of an account yet."
        return
    rows = [("Account", "Used", "Waiting", "State")]
    for account in pool.accounts:
        state = describe_account(account, pool.at)
        rows.append((account.name, describe_use(account), str(account.waiting), state))
    used = max(len(row[1]) for row in rows)
    waiting = max(len(row[2]) for row in rows)
    yield from _table(
        ((row[0], f"{row[1]:<{used}}  {row[2]:>{waiting}}", row[3]) for row in rows), _ACCOUNT
    )


def _workers(pool: PoolStatus) -> Iterator[str]:
    if not pool.workers:
        yield "No worker is running."
        return
    rows = [
        ("Worker", "Busy", "Last poll"),
        *(
            (each.name, f"{each.busy} of {each.slots}", describe_poll(each, pool.at))
            for each in pool.workers
        ),
    ]
    busy = max(len(row[1]) for row in rows)
    yield from _table(((row[0], f"{row[1]:<{busy}}", row[2]) for row in rows), _WORKER)


def _table(rows: Iterable[tuple[str, str, str]], longest: int) -> Iterator[str]:
    """Rows of a name, cells that are of one width already, and a text that may be long."""
    rows = list(rows)
    width = max(len(name) for name, _, _ in rows if len(name) <= longest)
    for name, cells, text in rows:
        called = name
        if len(called) > longest:  # a line of its own, for the others' sake
            yield called
            called = ""
        head = f"{called:<{width}}  {cells}  "
        yield filled(head, text, min(len(head), WIDTH - _TEXT))


def describe_poll(worker: WorkerStatus, now: float) -> str:
    """When a worker last asked for a job, or why it counts as not consuming."""
    if trouble := worker.trouble(now):
        return trouble
    if worker.busy >= worker.slots:
        return "all its slots are busy"
    return f"{max(now - worker.last_poll_at, 0):.0f} s ago"


def describe_use(account: AccountStatus) -> str:
    """What an account uses of its rate."""
    if not account.is_registered:
        return "no worker"
    if account.limit is None or account.window is None:
        return "no limit"
    return f"{account.used} of {account.limit} in {show_duration(account.window)}"


def describe_account(account: AccountStatus, now: float) -> str:
    """Whether an account is paused, by whom and why."""
    states = []
    if account.pause:
        states.append(describe_pause(account.pause, now))
    if account.quiet_until:
        states.append(f"the endpoint asked for a pause until {moment(account.quiet_until, now)}")
    return "; ".join(states) or "ok"


def _event(event: Event, now: float) -> str:
    at = moment(event.at, now)
    return filled(f"{at:<{len(clock(now))}}  ", describe_event(event), 4)


def describe_event(event: Event) -> str:
    """What happened, by whom and why."""
    what = _EVENTS.get(event.kind, event.kind).format(account=event.account)
    by = "" if event.by == "facelift" else f" by {event.by}"
    why = f": {event.reason}" if event.reason else ""
    return f"{what}{by}{why}"
