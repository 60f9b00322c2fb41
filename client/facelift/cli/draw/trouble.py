"""What is in trouble, in words: breakers, pauses, failing chatbots, accounts that share a key."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from rich.table import Table

from facelift.advice import WAITS
from facelift.cli.draw.console import counted, moment, table
from facelift.codes import OutcomeCode, WaitReason
from facelift.status.pool import (
    AccountStatus,
    BreakerState,
    Pause,
    PoolStatus,
    StoreOutage,
    SuspectStatus,
)

OTHER_KEY = (
    "give all workers the same API key: a changed file is read by itself, a changed variable needs "
    "a restart"
)
"""The advice where workers have another key than the newest that works."""
OTHER_SETTINGS = "give all workers the same settings; those of the worker that started last hold"
"""The advice where workers have other settings than the pool."""
_WORST = 10
_NAMED = 3


class Failing(NamedTuple):
    """A failing chatbot, and its account."""

    account: str
    chatbot: SuspectStatus


def to_do(reason: WaitReason) -> str:
    """The advice about what jobs wait for, as plain text."""
    return WAITS[reason].replace("`", "")


def attributed(pool: PoolStatus) -> PoolStatus:
    """The pool with trouble in the widest failure domain only.

    While the endpoint's breaker is open, accounts and chatbots fail because of it; while an
    account's is, its chatbots do. Nobody should look for the cause there.
    """
    return replace(pool, accounts=tuple(_attributed(each, pool) for each in pool.accounts))


def _attributed(account: AccountStatus, pool: PoolStatus) -> AccountStatus:
    if is_open(pool):
        account = replace(account, breaker=BreakerState.CLOSED)
    if is_open(pool) or is_open(account):
        account = replace(account, failing_chatbots=0, worst=())
    return account


def advice_on(pool: PoolStatus) -> Iterator[str]:
    """What to do about each failure domain that is in trouble, the widest first."""
    if is_open(pool):
        yield to_do(WaitReason.ENDPOINT_DOWN)
    if names := [each.name for each in domains(pool.accounts) if is_open(each)]:
        which = f"account {names[0]}" if len(names) == 1 else f"{len(names)} accounts"
        yield f"{which}: {to_do(WaitReason.ACCOUNT_FAILING)}"
    if names := [each.name for each in domains(pool.accounts) if is_refused(each)]:
        yield f"account {', '.join(names[:_NAMED])}: {to_do(WaitReason.ACCOUNT_PAUSED)}"
    if any(each.workers_left for each in pool.accounts):
        yield OTHER_KEY
    if failing := count_failing(pool.accounts):
        yield f"{counted(failing, 'failing chatbot')}: {to_do(WaitReason.CHATBOT_FAILING)}"
    if pool.stores:
        stores = ", ".join(outage.store for outage in pool.stores)
        yield f"store {stores}: {to_do(WaitReason.STORE_UNAVAILABLE)}"
    for reason, unknown in describe_unknown(pool):
        yield f"{unknown}: {to_do(reason)}"
    if any(worker.differing for worker in pool.workers):
        yield OTHER_SETTINGS


def is_open(breaker: PoolStatus | AccountStatus) -> bool:
    """Whether the breaker of the endpoint, or of an account, lets only probes through."""
    return breaker.breaker is not BreakerState.CLOSED


def is_refused(account: AccountStatus) -> bool:
    """Whether the account is paused because the endpoint refused its API key."""
    codes = {OutcomeCode.UNAUTHORIZED, OutcomeCode.FORBIDDEN}
    return account.pause is not None and account.pause.code in codes


def describe_breaker(of: PoolStatus | AccountStatus, now: float) -> str:
    """Whether requests go to the endpoint, or for an account, since when and why."""
    since = f" since {moment(of.breaker_since, now)}" if of.breaker_since else ""
    why = f": {of.breaker_reason}" if of.breaker_reason else ""
    if of.breaker is BreakerState.CLOSED:
        return f"breaker closed{since}{why or ': requests are let through'}"
    if of.breaker is BreakerState.HALF_OPEN:
        return f"breaker half open{since}{why} A probe is under way."
    due = of.next_probe_at
    probe = "at the next job" if due is None or due <= now else f"at {moment(due, now)}"
    state = of.breaker.replace("_", " ")  # a newer release may have more
    return f"breaker {state}{since}{why} Next probe {probe}."


def describe_outage(outage: StoreOutage, now: float) -> str:
    """Which image store is out, since when, for which workers, and why."""
    workers = ", ".join(outage.workers)
    waiting = f"; {counted(outage.waiting, 'job')} wait" + ("s" if outage.waiting == 1 else "")
    since = moment(outage.since, now)
    return f"{outage.store} is out since {since} for {workers}{waiting}: {outage.reason}"


def describe_pause(pause: Pause, now: float) -> str:
    """Who paused it, since when, until when and why."""
    until = "" if pause.until is None else f", until {moment(pause.until, now)}"
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused by {pause.by} since {moment(pause.at, now)}{until}{why}"


def describe_unknown(pool: PoolStatus) -> Iterator[tuple[WaitReason, str]]:
    """How many jobs wait for accounts and image stores that no live worker has, and for which."""
    for reason, what, unknown in (
        (WaitReason.UNKNOWN_ACCOUNT, "accounts", pool.unknown_accounts),
        (WaitReason.UNKNOWN_STORE, "image stores", pool.unknown_stores),
    ):
        if waiting := pool.waiting.get(reason, 0):
            names = ", ".join(unknown[:_NAMED]) + (", …" if len(unknown) > _NAMED else "")
            yield reason, f"{counted(waiting, 'job')} of unknown {what} ({names})"


def describe_settings(pool: PoolStatus) -> Iterator[str]:
    """Each worker that has other settings than the pool, and in which."""
    for worker in pool.workers:
        if worker.differing:
            yield (
                f"{worker.name} differs in {', '.join(worker.differing)}; what "
                f"{pool.settings_of} has holds"
            )


def describe_quarantine(pool: PoolStatus) -> str:
    """How many jobs may have ended a worker, and what is done about it."""
    jobs = counted(pool.quarantined, "job")
    was, run = ("was", "it runs") if pool.quarantined == 1 else ("were", "they run")
    return f"{jobs} {was} with a worker that was lost; {run} apart until the cause is found"


def domains(accounts: Iterable[AccountStatus]) -> list[AccountStatus]:
    """The first by name of all accounts with one API key: they have one state."""
    return [each for each in accounts if each.name <= min(each.shares_key_with, default=each.name)]


def describe_account(account: AccountStatus, now: float) -> str:
    """Everything that is wrong with an account; empty if nothing is."""
    if not domains([account]):
        return f"has the API key of {min(account.shares_key_with)}: see there"
    states = []
    if account.pause:
        states.append(describe_pause(account.pause, now))
    elif not account.has_key:
        states.append("one upload tries its API key before others go")
    if account.workers_left:
        have = "worker has" if len(account.workers_left) == 1 else "workers have"
        states.append(
            f"{len(account.workers_left)} {have} another API key than the newest that works"
        )
    if is_open(account):
        states.append(describe_breaker(account, now))
    if account.quiet_until:
        states.append(f"the endpoint asked for a pause until {moment(account.quiet_until, now)}")
    if account.failing_chatbots:
        fail = "fails" if account.failing_chatbots == 1 else "fail"
        states.append(f"{counted(account.failing_chatbots, 'chatbot')} {fail}")
    if account.shares_key_with:
        states.append(f"has the API key of {', '.join(account.shares_key_with)}")
    return "; ".join(state.removesuffix(".") for state in states)


def count_failing(accounts: Iterable[AccountStatus]) -> int:
    """How many chatbots fail."""
    return sum(each.failing_chatbots for each in domains(accounts))


def worst_of(accounts: Iterable[AccountStatus]) -> list[Failing]:
    """The chatbots with the most failures in a row, at most ten."""
    found = [Failing(each.name, bot) for each in domains(accounts) for bot in each.worst]
    return sorted(found, key=lambda one: (-one.chatbot.failures, one.chatbot.since))[:_WORST]


def table_of_failing(failing: Iterable[Failing], now: float, *, one_line: bool = False) -> Table:
    """Each failing chatbot with its failures in a row, since when, and its last error."""
    rows = [
        (
            chatbot.chatbot_id,
            account,
            str(chatbot.failures),
            moment(chatbot.since, now),
            chatbot.message or str(chatbot.code),
        )
        for account, chatbot in failing
    ]
    head = ("Failing chatbot", "Account", "Failures", "Since", "Last error")
    return table(head, rows, right=["Failures"], one_line=one_line)
