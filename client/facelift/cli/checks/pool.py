"""Checks whether the pool delivers: workers, queue, breaker, pauses."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from facelift.cli.checks.findings import fail, ok, warn
from facelift.cli.draw.pool import describe_breaker, describe_pause
from facelift.cli.draw.values import counted
from facelift.status.pool import BreakerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.cli.checks.findings import Finding
    from facelift.status.pool import PoolStatus

MINUTE = 60.0
"""Seconds without an outcome, while a job waits its turn for as long, that count as standstill."""


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
