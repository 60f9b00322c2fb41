"""Checks whether the pool delivers, and names who fails: workers, breakers, chatbots, accounts."""

from collections.abc import Iterator
from importlib.metadata import version

from facelift.cli.checks.findings import Finding, fail, ok, warn
from facelift.cli.draw.console import counted
from facelift.cli.draw.trouble import (
    OTHER_KEY,
    OTHER_SETTINGS,
    attributed,
    describe_breaker,
    describe_outage,
    describe_pause,
    describe_quarantine,
    describe_settings,
    describe_unknown,
    domains,
    is_open,
    is_refused,
    to_do,
)
from facelift.codes import WaitReason
from facelift.status.pool import AccountStatus, PoolStatus

MINUTE = 60.0
"""Seconds without an outcome, while a job waits its turn for as long, that count as standstill."""
_RECENT = 86_400.0


def check_pool(pool: PoolStatus, *, moves: bool) -> Iterator[Finding]:
    """Check a pool.

    Args:
        pool: its present state.
        moves: whether a job has ended within the last minute.
    """
    pool = attributed(pool)
    yield from _workers(pool)
    yield _queue(pool, moves=moves)
    yield from _breakers(pool)
    yield from _chatbots(pool)
    yield from _stores(pool)
    yield from _quarantine(pool)
    yield from _pauses(pool)
    yield from _unknown_jobs(pool)
    yield from _settings(pool)
    yield from _shared_keys(pool)
    yield from _other_keys(pool)
    yield from _clock(pool)


def _workers(pool: PoolStatus) -> Iterator[Finding]:
    if not pool.workers:
        yield fail("Workers", "there is none", "start one: facelift worker")
        return
    troubles = [(each.name, trouble) for each in pool.workers if (trouble := each.trouble(pool.at))]
    for name, trouble in troubles:
        judge = fail if len(troubles) == len(pool.workers) else warn
        yield judge("Workers", f"{name}: {trouble}", "see its log; restart it if it hangs")
    if not troubles:
        busy, slots = sum(w.busy for w in pool.workers), sum(w.slots for w in pool.workers)
        workers = counted(len(pool.workers), "worker")
        yield ok("Workers", f"{workers}, {busy} of {slots} slots busy, all consuming")
    ours = version("facelift-client")
    others = sorted({each.version for each in pool.workers} - {ours})
    if others:
        yield warn(
            "Releases",
            f"workers run {', '.join(others)}, this is {ours}",
            "fine during a rollout; otherwise run one release everywhere",
        )


def _queue(pool: PoolStatus, *, moves: bool) -> Finding:
    if pool.oldest_at is None:
        return ok("Queue", "no job waits for its turn")
    age = pool.at - pool.oldest_at
    message = (
        f"{counted(pool.queued, 'message')}; the oldest job that waits its turn is {age:.0f} s old"
    )
    if age < MINUTE:
        return ok("Queue", message)
    if moves:
        return ok("Queue", f"{message}, and jobs end")
    may_go = pool.queued or any(map(_may_send, pool.accounts))
    is_meant = pool.pause or is_open(pool) or not may_go
    return (warn if is_meant else fail)(
        "Queue",
        f"{message}; no job has ended for a minute",
        "see what jobs wait for: facelift status, facelift list --state waiting",
    )


def _may_send(account: AccountStatus) -> bool:
    """Whether jobs wait for the account, and neither a pause nor a breaker keeps them waiting."""
    is_kept = account.pause or account.quiet_until or is_open(account)
    return account.waiting > 0 and account.is_registered and not is_kept


def _breakers(pool: PoolStatus) -> Iterator[Finding]:
    if is_open(pool):
        message = f"of the endpoint: {describe_breaker(pool, pool.at)}"
        yield warn("Breakers", message, to_do(WaitReason.ENDPOINT_DOWN))
    opened = [account for account in domains(pool.accounts) if is_open(account)]
    for account in opened:
        message = f"of account {account.name}: {describe_breaker(account, pool.at)}"
        yield warn("Breakers", message, to_do(WaitReason.ACCOUNT_FAILING))
    if not is_open(pool) and not opened:
        yield ok("Breakers", "closed: requests are let through")


def _stores(pool: PoolStatus) -> Iterator[Finding]:
    for outage in pool.stores:
        message = describe_outage(outage, pool.at)
        yield warn("Stores", message, to_do(WaitReason.STORE_UNAVAILABLE))


def _quarantine(pool: PoolStatus) -> Iterator[Finding]:
    if pool.quarantined:
        yield warn("Quarantine", describe_quarantine(pool), to_do(WaitReason.QUARANTINED))


def _chatbots(pool: PoolStatus) -> Iterator[Finding]:
    failing = [account for account in domains(pool.accounts) if account.failing_chatbots]
    for account in failing:
        worst = ", ".join(
            f"{each.chatbot_id} ({each.failures} {each.code})" for each in account.worst
        )
        many = counted(account.failing_chatbots, "failing chatbot")
        message = (
            f"{many} of account {account.name}; those with the most failures in a row: {worst}"
        )
        yield warn("Chatbots", message, to_do(WaitReason.CHATBOT_FAILING))
    if not failing:
        is_part = is_open(pool) or any(map(is_open, pool.accounts))
        yield ok("Chatbots", "no other chatbot fails" if is_part else "none fails")


def _unknown_jobs(pool: PoolStatus) -> Iterator[Finding]:
    for reason, unknown in describe_unknown(pool):
        name = "Accounts" if reason is WaitReason.UNKNOWN_ACCOUNT else "Stores"
        yield warn(name, f"waiting: {unknown}", to_do(reason))


def _settings(pool: PoolStatus) -> Iterator[Finding]:
    for sentence in describe_settings(pool):
        yield warn("Settings", sentence, OTHER_SETTINGS)


def _shared_keys(pool: PoolStatus) -> Iterator[Finding]:
    groups = {
        tuple(sorted((each.name, *each.shares_key_with)))
        for each in pool.accounts
        if each.shares_key_with
    }
    for names in sorted(groups):
        yield warn(
            "API keys",
            f"{', '.join(names)} have one API key; they share its rate, breaker and pauses",
            "use one account name for one key: a chatbot's order is kept within one account",
        )


def _other_keys(pool: PoolStatus) -> Iterator[Finding]:
    for account in pool.accounts:
        if account.workers_left:
            have = "has" if len(account.workers_left) == 1 else "have"
            yield warn(
                "API keys",
                f"{', '.join(account.workers_left)} {have} another API key of account "
                f"{account.name} than the newest that works, so no job of it is run there",
                OTHER_KEY,
            )


def _pauses(pool: PoolStatus) -> Iterator[Finding]:
    if pool.pause:
        yield warn("Pauses", f"all {describe_pause(pool.pause, pool.at)}", "facelift resume --all")
    paused = [(each, each.name, each.pause) for each in pool.accounts if each.pause]
    for account, name, pause in paused:
        message = f"{name} {describe_pause(pause, pool.at)}"
        if is_refused(account):
            yield fail("Pauses", message, to_do(WaitReason.ACCOUNT_PAUSED))
        else:
            yield warn("Pauses", message, f"facelift resume {name}, once the reason is gone")
    if not pool.pause and not paused:
        yield ok("Pauses", "nothing is paused")


def _clock(pool: PoolStatus) -> Iterator[Finding]:
    clock = pool.clock
    if clock.stepped_at is None or abs(pool.at - clock.stepped_at) > _RECENT:
        return
    how = "forward" if clock.step > 0 else "back"
    times = f", {clock.steps} times since the ledger began" if clock.steps > 1 else ""
    yield warn(
        "Redis' clock",
        f"it was set {how} by {abs(clock.step):,.1f} s within the last day{times}",
        "let NTP keep it; deliveries go on evenly, but times that people gave moved with it",
    )
