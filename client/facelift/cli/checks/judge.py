"""Checks whether Redis is fit to hold the ledger, and whether the pool delivers."""

from collections.abc import Iterator
from importlib.metadata import version

from rich.filesize import decimal as size

from facelift.cli.checks.findings import Finding, fail, ok, warn
from facelift.cli.draw.console import counted
from facelift.cli.draw.trouble import (
    attributed,
    describe_breaker,
    describe_pause,
    domains,
    is_open,
    to_do,
)
from facelift.codes import WaitReason
from facelift.status.pool import AccountStatus, PoolStatus
from facelift.status.server import ServerStatus

MINUTE = 60.0
"""Seconds without an outcome, while a job waits its turn for as long, that count as standstill."""

_OLDEST = (6, 2)
_SLOW = 0.1  # seconds
_FULL, _OVERFULL = 0.8, 0.95
_SKEWED, _WRONG = 2.0, 300.0  # seconds
_CONF = "in redis.conf too, or the next start forgets it"


def check_redis(server: ServerStatus) -> Iterator[Finding]:
    """Check a Redis: speed, version, mode, persistence, eviction, memory, clock, keys."""
    yield _speed(server)
    yield _version(server)
    yield _mode(server)
    yield _persistence(server)
    yield _eviction(server)
    yield _memory(server)
    yield _clock(server)
    yield from _key_types(server)


def _speed(server: ServerStatus) -> Finding:
    if server.refusal:
        return fail(
            "Redis",
            f"answers, but takes no writes. {server.refusal}",
            "see memory and persistence below, and the log of Redis; nothing can be enqueued or "
            "delivered until then",
        )
    message = f"answers in {1000 * server.answered_in:.1f} ms, and takes writes"
    if server.answered_in > _SLOW:
        return warn("Redis", message, "bring producers and workers nearer, or take load off it")
    return ok("Redis", message)


def _version(server: ServerStatus) -> Finding:
    message = f"{server.product} {server.version}"
    if server.release < _OLDEST:
        return fail("Version", f"{message} is too old", "use Redis 6.2 or newer, or Valkey")
    return ok("Version", message)


def _mode(server: ServerStatus) -> Finding:
    if server.mode != "standalone":
        return fail(
            "Mode",
            f"this is a {server.mode}, which cannot hold the ledger",
            "name one Redis that is no cluster in FACELIFT_REDIS_URL",
        )
    if server.is_replica:
        return fail("Mode", "this is a replica", "name the primary in FACELIFT_REDIS_URL")
    return ok("Mode", "one primary, no cluster")


def _persistence(server: ServerStatus) -> Finding:
    if not server.snapshot_is_well:
        return fail(
            "Persistence",
            "the last snapshot failed",
            "see the log of Redis; its disk may be full, or its folder not writable",
        )
    if not server.keeps_log:
        return warn(
            "Persistence",
            "the append-only file is off: a crash of Redis loses enqueued jobs",
            f"CONFIG SET appendonly yes; {_CONF}",
        )
    if not server.log_is_well:
        return fail(
            "Persistence",
            "the last write to the append-only file failed",
            "see the log of Redis; its disk may be full",
        )
    return ok("Persistence", "the append-only file is on")


def _eviction(server: ServerStatus) -> Finding:
    if server.policy == "noeviction":
        return ok("Eviction", "noeviction: nothing is evicted")
    message = f"{server.policy}: once it is full, Redis evicts jobs"
    advice = f"CONFIG SET maxmemory-policy noeviction; {_CONF}"
    if server.limit is None:
        return warn("Eviction", f"{message}; it has no limit now", advice)
    return fail("Eviction", message, advice)


def _memory(server: ServerStatus) -> Finding:
    most = server.limit or server.machine
    if not most:
        return ok("Memory", f"{size(server.used)} in use, without a limit")
    whose = "its limit" if server.limit else "its machine"
    message = f"{size(server.used)} of {size(most)} ({whose}) in use"
    share = server.used / most
    advice = "give it more, or keep ended jobs for less long (FACELIFT_KEEP_SUCCEEDED and others)"
    if share >= _OVERFULL:
        return fail("Memory", message, advice)
    return warn("Memory", message, advice) if share >= _FULL else ok("Memory", message)


def _clock(server: ServerStatus) -> Finding:
    apart = abs(server.skew)
    if apart < _SKEWED:
        return ok("Clock", f"this machine's clock and that of Redis are {apart:.1f} s apart")
    direction = "ahead of" if server.skew > 0 else "behind"
    return (fail if apart >= _WRONG else warn)(
        "Clock",
        f"this machine's clock is {apart:.1f} s {direction} that of Redis",
        "let NTP set both; the ledger uses the clock of Redis, --not-before and --since this one",
    )


def _key_types(server: ServerStatus) -> Iterator[Finding]:
    for key, found, expected in server.wrong_types:
        yield fail(
            "Keys",
            f"{key} holds a {found}, not a {expected}: something else wrote to it",
            "see what it holds, then DEL it; the ledger makes it again, the jobs stay",
        )
    if not server.wrong_types:
        yield ok("Keys", "every key that was checked has its type")


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
    yield from _pauses(pool)
    yield from _unknown_accounts(pool)
    yield from _shared_keys(pool)


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


def _unknown_accounts(pool: PoolStatus) -> Iterator[Finding]:
    if waiting := pool.waiting.get(WaitReason.UNKNOWN_ACCOUNT):
        verb = "waits" if waiting == 1 else "wait"
        message = f"{counted(waiting, 'job')} {verb} for an account that no worker has registered"
        yield warn("Accounts", message, to_do(WaitReason.UNKNOWN_ACCOUNT))


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


def _pauses(pool: PoolStatus) -> Iterator[Finding]:
    if pool.pause:
        yield warn("Pauses", f"all {describe_pause(pool.pause, pool.at)}", "facelift resume --all")
    paused = [(each.name, each.pause) for each in pool.accounts if each.pause]
    for name, pause in paused:
        message = f"{name} {describe_pause(pause, pool.at)}"
        yield warn("Pauses", message, f"facelift resume {name}, once the reason is gone")
    if not pool.pause and not paused:
        yield ok("Pauses", "nothing is paused")
