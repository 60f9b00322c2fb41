"""How long to wait before the next try, and when to give up: the one place that decides.

Pure: chance is passed in, time is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
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
        pause_cap: seconds; the longest pause that the endpoint may ask for.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 300.0
    max_attempts: int = 8
    pause_cap: float = 3600.0

    def longest_wait(self, failures: int) -> float:
        """Seconds, after `failures` failures in a row (from 1)."""
        try:
            return min(self.cap, self.base * float(self.factor) ** (failures - 1))
        except OverflowError:
            return self.cap

    def wait(self, failures: int, rng: Random) -> float:
        """Seconds to wait now: any from nothing to the longest is equally likely."""
        return rng.uniform(0, self.longest_wait(failures))


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
    policy: RetryPolicy, failure: Failure, attempts_used: int, rng: Random, *, throttles: int = 0
) -> Retry | GiveUp:
    """What to do about `failure`.

    With full jitter, jobs that failed together do not come back together. A pause of the
    account (429) has none: what waits for its end comes back at the account's rate.

    Args:
        policy: how long, how often.
        failure: what happened.
        attempts_used: this one included.
        rng: chance.
        throttles: pauses that the endpoint asked of the account before, with no success since.
    """
    if isinstance(failure, PermanentFailure):
        return GiveUp(failure.code, failure.sentence)
    if isinstance(failure, RateLimited):
        asked = failure.retry_after
        pause = policy.longest_wait(throttles + 1) if asked is None else max(asked, policy.base)
        return Retry(min(pause, policy.pause_cap))
    if attempts_used >= policy.max_attempts:
        tries = "1 attempt" if attempts_used == 1 else f"{attempts_used} attempts"
        return GiveUp(
            OutcomeCode.RETRIES_EXHAUSTED,
            f"Gave up after {tries}; the last: {failure.sentence}",
        )
    return Retry(policy.wait(attempts_used, rng))
