"""The pool as an operator sees it: breaker, pauses, queues, accounts, workers, recent events."""

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from facelift.cli.draw.console import Paragraph, cell, counted, date, fact, moment, span, table
from facelift.status.pool import AccountStatus, BreakerState, Event, EventKind, Pause, PoolStatus
from facelift.status.worker import WorkerStatus
from facelift.units import show_duration

NO_ACCOUNT = "No worker has registered an account yet."
NO_WORKER = "No worker is running."
NO_EVENT = "No recent events."
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


def describe_pool(pool: PoolStatus) -> Iterator[RenderableType]:
    """Everything an operator wants to know of the pool."""
    yield fact("Pool", date(pool.at))
    yield from describe_flow(pool)
    if pool.webhooks:
        yield fact("Webhooks", f"{counted(pool.webhooks, 'notification')} to send")
    yield ""
    yield table_of_accounts(pool.accounts, pool.at) if pool.accounts else NO_ACCOUNT
    yield ""
    yield table_of_workers(pool.workers, pool.at) if pool.workers else NO_WORKER
    if pool.events:
        yield ""
        yield table_of_events(pool.events, pool.at)


def describe_flow(pool: PoolStatus, most: int | None = None) -> Iterator[Paragraph]:
    """Breaker, pause, queue, running and waiting jobs, each in `most` lines at most."""
    yield fact("Endpoint", describe_breaker(pool), most=most)
    if pool.pause:
        yield fact("All jobs", describe_pause(pool.pause, pool.at), most=most)
    oldest = ""
    if pool.oldest_at is not None:
        age = span(pool.at - pool.oldest_at)
        oldest = f"; the oldest job that waits for its turn is {age} old"
    yield fact("Queue", counted(pool.queued, "message") + oldest, most=most)
    yield fact("Running", counted(pool.running, "job"))
    reasons = ", ".join(f"{count} {reason}" for reason, count in pool.waiting.items())
    waiting = counted(sum(pool.waiting.values()), "job") + (reasons and f": {reasons}")
    yield fact("Waiting", waiting, most=most)


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


def describe_pause(pause: Pause, now: float) -> str:
    """Who paused it, since when, until when and why."""
    until = "" if pause.until is None else f", until {moment(pause.until, now)}"
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused by {pause.by} since {moment(pause.at, now)}{until}{why}"


def table_of_accounts(
    accounts: Iterable[AccountStatus], now: float, *, one_line: bool = False
) -> Table:
    """What each account uses of its rate, its queue, and whether it is paused."""
    rows = [(a.name, _use(a), str(a.waiting), _account(a, now)) for a in accounts]
    head = ("Account", "Used", "Waiting", "State")
    return table(head, rows, right=["Waiting"], one_line=one_line)


def table_of_workers(
    workers: Iterable[WorkerStatus], now: float, *, one_line: bool = False
) -> Table:
    """Each worker's busy slots, and whether it consumes."""
    rows = [(w.name, f"{w.busy} of {w.slots}", _poll(w, now)) for w in workers]
    return table(("Worker", "Busy", "Last poll"), rows, one_line=one_line)


def table_of_events(events: Iterable[Event], now: float, *, one_line: bool = False) -> Table:
    """What happened when, by whom and why."""
    rows = [(moment(event.at, now), _event(event)) for event in events]
    return table(("Recent", "Event"), rows, one_line=one_line)


def _poll(worker: WorkerStatus, now: float) -> str | Text:
    if trouble := worker.trouble(now):
        return Text(trouble, "red")
    if worker.busy >= worker.slots:
        return "all its slots are busy"
    return f"{max(now - worker.last_poll_at, 0):.0f} s ago"


def _use(account: AccountStatus) -> str:
    if not account.is_registered:
        return "no worker"
    if account.limit is None or account.window is None:
        return "no limit"
    return f"{account.used} of {account.limit} in {show_duration(account.window)}"


def _account(account: AccountStatus, now: float) -> str | Text:
    states = []
    if account.pause:
        states.append(describe_pause(account.pause, now))
    if account.quiet_until:
        states.append(f"the endpoint asked for a pause until {moment(account.quiet_until, now)}")
    return cell("; ".join(states), "yellow") if states else "ok"


def _event(event: Event) -> str:
    what = _EVENTS.get(event.kind, event.kind).format(account=event.account)
    by = "" if event.by == "facelift" else f" by {event.by}"
    why = f": {event.reason}" if event.reason else ""
    return f"{what}{by}{why}"
