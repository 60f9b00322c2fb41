"""The retry policy: how long to wait before the next attempt, and when to give up.

Pure functions: chance is passed in, and no clock is read. Workers and the test kit decide by it.
"""

from dataclasses import dataclass
from random import Random

from facelift.codes import OutcomeCode


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter.

    Attributes:
        base: seconds; the longest wait after the first failure.
        factor: by which the longest wait grows with each failure.
        cap: seconds; the longest wait of all.
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

    def wait(self, failures: int, chance: Random) -> float:
        """Seconds to wait, uniformly distributed between 0 and the longest wait."""
        return chance.uniform(0, self.longest_wait(failures))


@dataclass(frozen=True, slots=True)
class Retry:
    """Make another attempt in `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job fails with this code and sentence."""

    code: OutcomeCode
    sentence: str


def decide(
    policy: RetryPolicy,
    code: OutcomeCode,
    sentence: str,
    attempts_used: int,
    chance: Random,
    *,
    retry_after: float | None = None,
    throttles: int = 0,
) -> Retry | GiveUp:
    """Decide what follows a failed attempt.

    A refused API key (`unauthorized`) is an attempt of a job whose chatbot alone is refused.
    Full jitter keeps jobs that failed together from coming back together. A pause of the
    account (429) has no jitter: the jobs that wait for its end come back at the account's rate.

    Args:
        policy: how long, how often.
        code: why the attempt failed.
        sentence: the same for a person.
        attempts_used: this one included.
        chance: the source of jitter.
        retry_after: seconds for which the endpoint asked to pause, with `rate_limited`.
        throttles: earlier pauses of the account with no success since.
    """
    if not code.is_retryable and code is not OutcomeCode.UNAUTHORIZED:
        return GiveUp(code, sentence)
    if code is OutcomeCode.RATE_LIMITED:
        backoff = policy.longest_wait(throttles + 1)
        pause = backoff if retry_after is None else max(retry_after, policy.base)
        return Retry(min(pause, policy.pause_cap))
    if attempts_used >= policy.max_attempts:
        attempts = "1 attempt" if attempts_used == 1 else f"{attempts_used} attempts"
        final = OutcomeCode.RETRIES_EXHAUSTED if code.is_retryable else code
        return GiveUp(final, f"Gave up after {attempts}; the last: {sentence}")
    return Retry(policy.wait(attempts_used, chance))
