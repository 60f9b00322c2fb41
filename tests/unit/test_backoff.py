from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelift.codes import OutcomeCode
from facelift.retry import GiveUp, Retry, RetryPolicy
from facelift.retry import decide as decide_by
from worker.errors import (
    DeliveryFailed,
    DeliveryRefused,
    Failure,
    ImageRejected,
    PermanentFailure,
    RateLimited,
    RetryableFailure,
    StoreUnavailable,
)

POLICY = RetryPolicy(base=1, factor=2, cap=300, max_attempts=8)
BROKEN = DeliveryFailed(
    OutcomeCode.SERVER_ERROR, "The endpoint answered 500.", may_arrive=False, http_status=500
)

POLICIES = st.builds(
    RetryPolicy,
    base=st.floats(0.001, 3600),
    factor=st.floats(1, 10),
    cap=st.floats(0.001, 86_400),
    max_attempts=st.integers(1, 100),
)


class Fixed(Random):
    """Chance that always falls on the same share of what is possible."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + self.share * (b - a)


def decide(
    policy: RetryPolicy, failure: Failure, used: int, chance: Random, *, throttles: int = 0
) -> Retry | GiveUp:
    """As the recorder asks."""
    asked = failure.retry_after if isinstance(failure, RateLimited) else None
    return decide_by(
        policy,
        failure.code,
        failure.sentence,
        used,
        chance,
        retry_after=asked,
        throttles=throttles,
    )


def limited(retry_after: float | None) -> RateLimited:
    return RateLimited(OutcomeCode.RATE_LIMITED, "Slow down.", retry_after=retry_after)


def delay(decision: Retry | GiveUp) -> float:
    assert isinstance(decision, Retry)
    return decision.delay


@given(policy=POLICIES, failures=st.integers(1, 99), seed=st.integers())
def test_delay_is_between_nothing_and_the_longest_wait(
    policy: RetryPolicy, failures: int, seed: int
) -> None:
    policy = RetryPolicy(policy.base, policy.factor, policy.cap, max_attempts=100)
    waited = delay(decide(policy, BROKEN, failures, Random(seed)))
    assert 0 <= waited <= min(policy.cap, policy.base * policy.factor ** (failures - 1))


@given(policy=POLICIES, failures=st.integers(1, 99))
def test_longest_wait_never_shrinks_from_failure_to_failure(
    policy: RetryPolicy, failures: int
) -> None:
    assert policy.longest_wait(failures) <= policy.longest_wait(failures + 1) <= policy.cap


@pytest.mark.parametrize("failures", [1_000, 10**6, 10**18])
@pytest.mark.parametrize("factor", [1.5, 2, 10])
def test_longest_wait_of_many_failures_is_the_cap(failures: int, factor: float) -> None:
    assert RetryPolicy(factor=factor).longest_wait(failures) == 300


def test_longest_wait_stays_the_base_when_it_does_not_grow() -> None:
    assert RetryPolicy(factor=1).longest_wait(10**18) == 1


def test_longest_wait_doubles_up_to_the_cap() -> None:
    waits = [POLICY.longest_wait(failures) for failures in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_jitter_is_full() -> None:
    rng = Random(7)
    waits = [delay(decide(POLICY, BROKEN, 7, rng)) for _ in range(2_000)]
    assert min(waits) < 1
    assert max(waits) > 63
    assert 30 < sum(waits) / len(waits) < 34


@pytest.mark.parametrize(
    "failure",
    [
        PermanentFailure(OutcomeCode.UNKNOWN_ACCOUNT, "No key."),
        ImageRejected(OutcomeCode.IMAGE_NOT_SQUARE, "300 x 400."),
        DeliveryRefused(OutcomeCode.CHATBOT_NOT_FOUND, "No.", http_status=404),
    ],
)
def test_permanent_failure_is_final_at_once_with_its_own_code(failure: Failure) -> None:
    assert decide(POLICY, failure, 1, Random()) == GiveUp(failure.code, failure.sentence)


@pytest.mark.parametrize(
    "failure",
    [
        BROKEN,
        DeliveryFailed(OutcomeCode.TIMEOUT, "No answer.", may_arrive=True),
        StoreUnavailable(OutcomeCode.IMAGE_STORE_UNAVAILABLE, "It is down."),
        RetryableFailure(OutcomeCode.INTERNAL_ERROR, "A defect."),
    ],
)
def test_retryable_failure_is_tried_again_until_attempts_run_out(failure: Failure) -> None:
    assert isinstance(decide(POLICY, failure, 7, Random()), Retry)
    assert decide(POLICY, failure, 8, Random()) == GiveUp(
        OutcomeCode.RETRIES_EXHAUSTED, f"Gave up after 8 attempts; the last: {failure.sentence}"
    )


def test_single_attempt_is_named_in_the_singular() -> None:
    end = decide(RetryPolicy(max_attempts=1), BROKEN, 1, Random())
    assert isinstance(end, GiveUp)
    assert end.sentence.startswith("Gave up after 1 attempt;")


def test_retry_after_header_overrides_backoff() -> None:
    # After eight pauses backoff alone would say 128 s, after the first 1 s.
    assert delay(decide(POLICY, limited(30), 1, Fixed(0), throttles=7)) == 30
    assert delay(decide(POLICY, limited(600), 1, Fixed(0))) == 600


@given(asked=st.floats(0, 86_400), throttles=st.integers(0, 100), seed=st.integers())
def test_a_pause_that_was_asked_for_is_kept_up_to_its_cap(
    asked: float, throttles: int, seed: int
) -> None:
    policy = replace(POLICY, pause_cap=600)
    pause = delay(decide(policy, limited(asked), 1, Random(seed), throttles=throttles))
    assert min(asked, 600) <= pause <= max(min(asked, 600), policy.base)


@pytest.mark.parametrize(("throttles", "pause"), [(0, 1), (1, 2), (4, 16), (1_000, 300)])
def test_a_pause_of_unknown_length_is_backed_off(throttles: int, pause: float) -> None:
    assert delay(decide(POLICY, limited(None), 1, Fixed(0), throttles=throttles)) == pause


def test_a_pause_never_exhausts_the_attempts() -> None:
    assert isinstance(decide(POLICY, limited(None), 1_000, Random()), Retry)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (307, "unexpected_redirect"),
        (400, "bad_request"),
        (404, "chatbot_not_found"),
        (408, "timeout"),
        (413, "image_refused"),
        (418, "rejected"),
        (425, "too_early"),
        (429, "rate_limited"),
        (503, "server_error"),
        (101, "malformed_response"),
        (600, "malformed_response"),
    ],
)
def test_http_status_has_one_code(status: int, code: str) -> None:
    assert OutcomeCode.of_status(status) == code
