"""How long to wait before the next try, and when to give up: the one place that decides.

Pure: chance is passed in, time is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.record import OutcomeCode
from worker.errors import PermanentFailure, RateLimited

if TYPE_CHECKING:
    from random import Random

    from worker.errors import Failure


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter.

    Attributes:
        base: seconds; the longest wait after the first failure.
        factor: by which the longest wait grows from failure to failure.
        cap: seconds; it grows no further.
        max_attempts: how many attempts a job has.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 300.0
    max_attempts: int = 8

    def longest_wait(self, failures: int) -> float:
        """Seconds, after `failures` failures in a row (from 1)."""
        try:
            return min(self.cap, self.base * float(self.factor) ** (failures - 1))
        except OverflowError:
            return self.cap


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again in `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job fails with this code and sentence."""

    code: OutcomeCode
    sentence: str


def decide(
    policy: RetryPolicy, failure: Failure, attempts_used: int, rng: Random
) -> Retry | GiveUp:
    """What to do about `failure`, after `attempts_used` attempts, this one included.

    Full jitter: any wait from nothing to the longest is equally likely, so jobs
    that failed together do not come back together. What the endpoint asked for
    (`Retry-After`) is never undercut.
    """
    if isinstance(failure, PermanentFailure):
        return GiveUp(failure.code, failure.sentence)
    if isinstance(failure, RateLimited):
        asked = failure.retry_after
        spread = rng.uniform(0, policy.longest_wait(max(1, attempts_used)))
        return Retry(spread if asked is None else asked + min(spread, policy.base))
    if attempts_used >= policy.max_attempts:
        tries = "1 attempt" if attempts_used == 1 else f"{attempts_used} attempts"
        return GiveUp(
            OutcomeCode.RETRIES_EXHAUSTED,
            f"Gave up after {tries}; the last: {failure.sentence}",
        )
    return Retry(rng.uniform(0, policy.longest_wait(attempts_used)))
