"""Checks whether Redis is fit to hold the ledger."""

from collections.abc import Iterator

from rich.filesize import decimal as size

from facelift.cli.checks.findings import Finding, fail, ok, warn
from facelift.status.server import ServerStatus

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
