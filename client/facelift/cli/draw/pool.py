"""The pool as an operator sees it: queues, accounts, failing chatbots, workers, recent events."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from facelift.cli.draw.console import Paragraph, cell, counted, date, fact, moment, span, table
from facelift.cli.draw.trouble import (
    advice_on,
    attributed,
    count_failing,
    describe_account,
    describe_breaker,
    describe_outage,
    describe_pause,
    describe_quarantine,
    describe_settings,
    is_open,
    table_of_failing,
    worst_of,
)
from facelift.status.pool import AccountStatus, Event, EventKind, PoolStatus
from facelift.status.refused import RefusedMessage
from facelift.status.worker import WorkerStatus
from facelift.units import show_duration

NO_ACCOUNT = "No worker has registered an account yet."
NO_WORKER = "No worker is running."
NO_EVENT = "No recent events."
_EVENTS = {
    EventKind.BREAKER_OPENED: "breaker of {whose} opened",
    EventKind.BREAKER_CLOSED: "breaker of {whose} closed",
    EventKind.ACCOUNT_PAUSED: "{whose} paused",
    EventKind.ACCOUNT_RESUMED: "{whose} resumed",
    EventKind.ACCOUNT_THROTTLED: "{whose} throttled",
    EventKind.LIMIT_LOWERED: "limit of {whose} lowered",
    EventKind.ALL_PAUSED: "everything paused",
    EventKind.ALL_RESUMED: "everything resumed",
    EventKind.STORE_OUT: "{whose} out",
    EventKind.STORE_BACK: "{whose} back",
    EventKind.CLOCK_SET: "clock set",
    EventKind.WORKER_LOST: "worker lost",
    EventKind.WORKER_RETURNED: "worker returned",
    EventKind.SETTINGS_CHANGED: "settings changed",
}


def describe_pool(pool: PoolStatus) -> Iterator[RenderableType]:
    """Everything an operator wants to know of the pool."""
    pool = attributed(pool)
    yield fact("Pool", date(pool.at))
    yield from describe_flow(pool)
    if pool.quarantined:
        yield fact("Lost", describe_quarantine(pool))
    if pool.webhooks:
        yield fact("Webhooks", f"{counted(pool.webhooks, 'notification')} to send")
    yield ""
    yield table_of_accounts(pool.accounts, pool.at) if pool.accounts else NO_ACCOUNT
    if failing := worst_of(pool.accounts):
        yield ""
        yield table_of_failing(failing, pool.at)
        if (more := count_failing(pool.accounts) - len(failing)) > 0:
            yield Text(f"and {more} more", "dim")
    yield ""
    yield table_of_workers(pool.workers, pool.at) if pool.workers else NO_WORKER
    if pool.events:
        yield ""
        yield table_of_events(pool.events, pool.at)


def describe_flow(pool: PoolStatus, most: int | None = None) -> Iterator[Paragraph]:
    """Breaker, pause, queue, running and waiting jobs, each in `most` lines at most; advice."""
    endpoint = cell(describe_breaker(pool, pool.at), "red" if is_open(pool) else "")
    yield fact("Endpoint", endpoint, most=most)
    if pool.pause:
        yield fact("All jobs", describe_pause(pool.pause, pool.at), most=most)
    for number, outage in enumerate(pool.stores):
        sentence = cell(describe_outage(outage, pool.at), "yellow")
        yield fact("" if number else "Stores", sentence, most=most)
    for number, differing in enumerate(describe_settings(pool)):
        yield fact("" if number else "Settings", cell(differing, "yellow"), most=most)
    oldest = ""
    if pool.oldest_at is not None:
        age = span(pool.at - pool.oldest_at)
        oldest = f"; the oldest job that waits for its turn is {age} old"
    yield fact("Queue", counted(pool.queued, "message") + oldest, most=most)
    yield fact("Running", counted(pool.running, "job"))
    reasons = ", ".join(f"{count} {reason}" for reason, count in pool.waiting.items())
    waiting = counted(sum(pool.waiting.values()), "job") + (reasons and f": {reasons}")
    yield fact("Waiting", waiting, most=most)
    one = None if most is None else 1
    for number, advice in enumerate(islice(advice_on(pool), one)):
        yield fact("" if number else "Advice", advice, most=one)


def table_of_accounts(
    accounts: Iterable[AccountStatus], now: float, *, one_line: bool = False
) -> Table:
    """What each account uses of its rate, its queue, and what is wrong with it."""
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
    wrong = describe_account(account, now)
    return cell(wrong, "red" if is_open(account) else "yellow") if wrong else "ok"


def _event(event: Event) -> str:
    whose = f"account {event.account}" if event.account else "the endpoint"
    whose = f"image store {event.store}" if event.store else whose
    known = _EVENTS.get(event.kind)  # a newer release has more
    what = known.format(whose=whose) if known else event.kind
    by = "" if event.by == "facelift" else f" by {event.by}"
    why = f": {event.reason}" if event.reason else ""
    return f"{what}{by}{why}"


def describe_refused(refused: Sequence[RefusedMessage]) -> Iterator[RenderableType]:
    """The Celery messages that workers refused, newest first."""
    if refused:
        rows = [(date(each.at), each.task_id or "unknown", each.reason) for each in refused[:5]]
        yield ""
        yield table(("Refused message", "Task", "Reason"), rows)
