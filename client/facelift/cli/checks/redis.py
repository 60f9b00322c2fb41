"""Is the Redis fit to hold a ledger? Judged from what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.cli.checks.findings import fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.cli.checks.findings import Finding
    from facelift.status.server import ServerStatus

_OLDEST = (6, 2)
_SLOW = 0.1  # seconds
_FULL, _OVERFULL = 0.8, 0.95
_SKEWED, _WRONG = 2.0, 300.0  # seconds
_CONF = "in redis.conf too, or it is forgotten at the next start"


def check_redis(server: ServerStatus) -> Iterator[Finding]:
    """Judge it."""
    yield _answers(server)
    yield _version(server)
    yield _mode(server)
    yield _persistence(server)
    yield _eviction(server)
    yield _memory(server)
    yield _clock(server)
    yield from _key_types(server)


def _answers(server: ServerStatus) -> Finding:
    told = f"answers in {1000 * server.answered_in:.1f} ms, and takes writes"
    if server.answered_in > _SLOW:
        return warn("Redis", told, "have producers and workers nearer to it, or it less busy")
    return ok("Redis", told)


def _version(server: ServerStatus) -> Finding:
    told = f"{server.product} {server.version}"
    if server.release < _OLDEST:
        return fail("Version", f"{told} is too old", "use Redis 6.2 or newer, or Valkey")
    return ok("Version", told)


def _mode(server: ServerStatus) -> Finding:
    if server.mode != "standalone":
        return fail(
            "Mode",
            f"this is a {server.mode}, over which no ledger can be kept",
            "name one Redis that is no cluster in FACELIFT_REDIS_URL",
        )
    if server.is_replica:
        return fail(
            "Mode",
            "this is a replica, which follows another Redis",
            "name the primary in FACELIFT_REDIS_URL",
        )
    return ok("Mode", "one primary, no cluster")


def _persistence(server: ServerStatus) -> Finding:
    if not server.keeps_log:
        return warn(
            "Persistence",
            "the append-only file is off: if Redis dies, it forgets jobs that were enqueued",
            f"CONFIG SET appendonly yes; {_CONF}",
        )
    if not server.log_is_well:
        return fail(
            "Persistence",
            "the last write to the append-only file failed",
            "see Redis' log; its disk may be full",
        )
    return ok("Persistence", "the append-only file is on")


def _eviction(server: ServerStatus) -> Finding:
    if server.policy == "noeviction":
        return ok("Eviction", "noeviction: nothing is thrown away")
    told = f"{server.policy}: once it is full, Redis throws jobs away"
    advice = f"CONFIG SET maxmemory-policy noeviction; {_CONF}"
    if server.limit is None:
        return warn("Eviction", f"{told}; it has no limit now", advice)
    return fail("Eviction", told, advice)


def _memory(server: ServerStatus) -> Finding:
    most = server.limit or server.machine
    if not most:
        return ok("Memory", f"{_size(server.used)} in use, without a limit")
    whose = "its limit" if server.limit else "its machine"
    told = f"{_size(server.used)} of {_size(most)} ({whose}) in use"
    share = server.used / most
    advice = "give it more, or keep ended jobs for less long (FACELIFT_KEEP_SUCCEEDED and others)"
    if share >= _OVERFULL:
        return fail("Memory", told, advice)
    return warn("Memory", told, advice) if share >= _FULL else ok("Memory", told)


def _clock(server: ServerStatus) -> Finding:
    apart = abs(server.skew)
    told = f"this machine's is {apart:.1f} s {'ahead of' if server.skew > 0 else 'behind'} Redis'"
    if apart < _SKEWED:
        return ok("Clock", f"this machine's and Redis' are {apart:.1f} s apart")
    advice = "let NTP set both; the ledger goes by Redis' clock, --not-before and --since by ours"
    return (fail if apart >= _WRONG else warn)("Clock", told, advice)


def _key_types(server: ServerStatus) -> Iterator[Finding]:
    for key, found, expected in server.wrong_types:
        yield fail(
            "Keys",
            f"{key} holds a {found}, not a {expected}: something else wrote to it",
            "see what it holds, then DEL it; the ledger makes it anew, the jobs stay",
        )
    if not server.wrong_types:
        yield ok("Keys", "every key that was looked at holds what it must")


def _size(count: float) -> str:
    """Bytes for a person."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - the step from unit to unit
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
