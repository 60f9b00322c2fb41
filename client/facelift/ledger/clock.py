"""Keeps ledger time even: compares the clock of Redis with the monotonic clock of a worker."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from redis import Redis

from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys
from facelift.ledger.scripts import Scripts

_INTERVAL, _AT_REST = 2.0, 15.0  # seconds
_TOLERANCE = 0.1  # seconds that are no step; a clock may run faster or slower by a thousandth
_DRIFT = 0.001
_PATIENCE = 2.0
"""Seconds for which a worker that has just started leaves it to others to say whether the clock
was set while it was not there."""


def since_boot() -> float:
    """Seconds that never go back, those in which the machine was suspended included."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class _Reading(NamedTuple):
    """The clock of Redis, read between two moments of the worker's clock."""

    asked_at: float
    answered_at: float
    wall: float
    epoch: str


class ClockWitness:
    """One worker's evidence of how much time passes; for one thread.

    All workers give theirs. Redis' clock may be set by hand, by NTP, by a restored machine, or by
    a failover to a server with another clock; its steps are kept out of ledger time.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
        scripts: of the ledger.
        worker: its name.
        on_step: called once this worker has kept a step out of ledger time.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        scripts: Scripts,
        worker: str,
        *,
        on_step: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._redis = redis
        self._schedule = keys.schedule
        self._scripts = scripts
        self._worker = worker
        self._on_step = on_step
        self._clock = clock
        self._before: _Reading | None = None
        self._puzzled_at: float | None = None

    def first_due(self) -> tuple[str, float] | None:
        """What the schedule has first, and when it is due (ledger time); None if it is empty.

        It tells a scheduler, cheaply, whether something has changed: it is one command, but every
        two seconds, or every 15 while nothing is scheduled, when it checks the clock of Redis too.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        since = self._clock() - self._before.answered_at if self._before else _AT_REST
        if since >= _AT_REST:
            return self.check()
        with translated():
            found: Any = self._redis.zrange(self._schedule, 0, 0, withscores=True)
        if found and since >= _INTERVAL:
            return self.check()
        return tuple(found[0]) if found else None

    def knowledge(self) -> str:
        """What this worker knows of the clock, for every script; any thread may ask."""
        before = self._before
        if before is None:
            return ""
        passed = max(0.0, self._clock() - before.answered_at)
        return f"{before.epoch} {before.wall:.6f} {passed:.6f}"

    def check(self) -> tuple[str, float] | None:
        """Confirm the clock of Redis, or take up a step of it; replies as `first_due` does.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        reading, stands, others, first = self._read()
        before = self._before
        step = 0.0
        if before is not None and before.epoch == reading.epoch:
            step, is_certain = _step(before, reading), True
            self._puzzled_at = None
        else:
            is_certain = self._is_nobody_else(stands, others, reading.answered_at)
        if step or (stands and is_certain):
            evidence = (reading.epoch, f"{reading.wall:.6f}", f"{step:.6f}")
            seen, (reading, _, _, first) = reading.epoch, self._read(*evidence)
            if reading.epoch != seen:
                self._on_step()
        self._before = reading
        return first

    def _is_nobody_else(self, stands: bool, others: int, now: float) -> bool:  # noqa: FBT001 - private
        """Whether no other worker will say what happened while this one was not there."""
        if not stands:
            self._puzzled_at = None
            return False
        if self._puzzled_at is None:
            self._puzzled_at = now
        return not others or now - self._puzzled_at >= _PATIENCE

    def _read(
        self, epoch: str = "", wall: str = "", step: str = ""
    ) -> tuple[_Reading, bool, int, tuple[str, float] | None]:
        asked_at = self._clock()
        found = self._scripts.call("pool/check_clock", self._worker, epoch, wall, step)
        reading = _Reading(asked_at, self._clock(), float(found[0]), found[1])
        first = (found[4], float(found[5])) if found[4] else None
        return reading, found[2] == "1", int(found[3]), first


def _step(before: _Reading, after: _Reading) -> float:
    """By how many seconds the clock of Redis was set between two readings; 0 if it was not."""
    passed = after.wall - before.wall
    least = after.asked_at - before.answered_at
    most = after.answered_at - before.asked_at
    tolerance = _TOLERANCE + _DRIFT * most
    # Ledger time goes on by the least that passed: behind, it holds back; ahead, it would let
    # leases and rate windows end early.
    if passed < least - tolerance or passed > most + tolerance:
        return passed - least
    return 0.0
