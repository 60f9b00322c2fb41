"""Does the pool do its work? Judged from how it stands."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from facelift.cli.checks.findings import fail, ok, warn
from facelift.cli.draw.pool import counted, describe_breaker, describe_pause
from facelift.status.pool import BreakerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.cli.checks.findings import Finding
    from facelift.status.pool import PoolStatus

MINUTE = 60.0
"""Seconds without an outcome, while a job waits its turn for as long, that mean standstill."""


def check_pool(pool: PoolStatus, *, moves: bool) -> Iterator[Finding]:
    """Judge it.

    Args:
        pool: as it stands.
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
    troubles = [(each.name, each.trouble(pool.at)) for each in pool.workers]
    busy, slots = sum(w.busy for w in pool.workers), sum(w.slots for w in pool.workers)
    sick = [(name, trouble) for name, trouble in troubles if trouble]
    told = f"{counted(len(pool.workers), 'worker')}, {busy} of {slots} slots busy"
    for name, trouble in sick:
        judge = fail if len(sick) == len(pool.workers) else warn
        yield judge("Workers", f"{name}: {trouble}", "see its log; restart it if it hangs")
    if not sick:
        yield ok("Workers", f"{told}, all consuming")
    others = sorted({each.version for each in pool.workers} - {version("facelift-client")})
    if others:
        yield warn(
            "Releases",
            f"workers run {', '.join(others)}, this is {version('facelift-client')}",
            "fine while you roll out a release; else have all on one",
        )


def _queue(pool: PoolStatus, *, moves: bool) -> Finding:
    if pool.oldest_at is None:
        return ok("Queue", "no job waits for its turn")
    age = pool.at - pool.oldest_at
    told = (
        f"{counted(pool.queued, 'message')}; the oldest job that waits its turn is {age:.0f} s old"
    )
    if age < MINUTE:
        return ok("Queue", told)
    if moves:
        return ok("Queue", f"{told}, and jobs end")
    is_meant = pool.pause or pool.breaker is not BreakerState.CLOSED
    return (warn if is_meant else fail)(
        "Queue",
        f"{told}; no job has ended for a minute",
        "see what jobs wait for: facelift status, facelift list --state waiting",
    )


def _breaker(pool: PoolStatus) -> Finding:
    if pool.breaker is BreakerState.CLOSED:
        return ok("Breaker", "closed: requests are let through")
    return warn(
        "Breaker",
        describe_breaker(pool).removeprefix("breaker "),
        "look at the endpoint; the jobs go on by themselves once it is back",
    )


def _pauses(pool: PoolStatus) -> Iterator[Finding]:
    if pool.pause:
        yield warn("Pauses", f"all {describe_pause(pool.pause, pool.at)}", "facelift resume --all")
    paused = [each for each in pool.accounts if each.pause]
    for account in paused:
        assert account.pause is not None  # noqa: S101 - chosen by it
        told = f"{account.name} {describe_pause(account.pause, pool.at)}"
        yield warn("Pauses", told, f"facelift resume {account.name}, once its reason is gone")
    if not pool.pause and not paused:
        yield ok("Pauses", "nothing is paused")
