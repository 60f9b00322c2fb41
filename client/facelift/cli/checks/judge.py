"""Checks whether Redis is fit to hold the ledger, and whether the pool delivers."""

from collections.abc import Iterator
from importlib.metadata import version

from rich.filesize import decimal as size

from facelift.cli.checks.findings import Finding, fail, ok, warn
from facelift.cli.draw.console import counted
from facelift.cli.draw.pool import describe_breaker, describe_pause
from facelift.status.pool import BreakerState, PoolStatus
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
    yield from _workers(pool)
    yield _queue(pool, moves=moves)
    yield _breaker(pool)
    yield from _pauses(pool)


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
    is_meant = pool.pause or pool.breaker is not BreakerState.CLOSED
    return (warn if is_meant else fail)(
        "Queue",
        f"{message}; no job has ended for a minute",
        "see what jobs wait for: facelift status, facelift list --state waiting",
    )


def _breaker(pool: PoolStatus) -> Finding:
    if pool.breaker is BreakerState.CLOSED:
        return ok("Breaker", "closed: requests are let through")
    return warn(
        "Breaker",
        describe_breaker(pool).removeprefix("breaker "),
        "check the endpoint; jobs go on by themselves once it is back",
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
