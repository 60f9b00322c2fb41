"""Records the result of an attempt: outcome or wait, the attempt itself, a line in the log."""

import logging
from dataclasses import dataclass
from random import Random

from facelift.asset import Action, Asset
from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import KeyVerdict
from facelift.ledger.store import JobStore
from facelift.retry import GiveUp, RetryPolicy, decide
from tasks.report import Report, Verdict
from worker.delivery.run import Run
from worker.errors import (
    DeliveryFailed,
    Failure,
    ImageNotReady,
    ImageRejected,
    KeyRefused,
    NotRegistered,
    RateLimited,
    RetryableFailure,
    StoreBusy,
    StoreOut,
    StoreUnavailable,
    WorkerBusy,
)
from worker.monitoring.logs import at, fields
from worker.monitoring.metrics import Metrics

log = logging.getLogger(__name__)

# Seconds until a job tries again that found a worker or a store busy, its image not ready, or its
# store out and was not called.
_LONGEST_BUSY, _LONGEST_NOT_READY, _PARKED = 20.0, 1.0, 600.0


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Records the results of jobs; all threads of a worker share one.

    Attributes:
        store: the ledger.
        policy: of backoff and attempts.
        rng: the source of jitter.
        metrics: counts the results.
    """

    store: JobStore
    policy: RetryPolicy
    rng: Random
    metrics: Metrics

    def success(self, run: Run, sentence: str, http_status: int) -> Report:
        """The endpoint did what the job asked."""
        is_removal = run.record.action == Action.REMOVE
        code = OutcomeCode.REMOVED if is_removal else OutcomeCode.DELIVERED
        attempt = self._attempt(run, code, http_status, Decision.SUCCEED, sentence)
        kept = self.store.complete(
            run.lease, JobState.SUCCEEDED, code, sentence, attempt, feedback=run.feedback
        )
        if not kept:
            return self.lost(run)
        record = run.record
        if record.repeats:
            self.metrics.repeated()
            return Report(Verdict.DELIVERED, sentence)
        since = max(record.created_at, record.not_before or 0.0)
        waited = max(0.0, run.now - since)
        self.metrics.succeeded(record.asset, record.action, attempt.duration, waited)
        return Report(Verdict.DELIVERED, sentence)

    def failure(self, run: Run, failure: Failure) -> Report:
        """A step failed; the policy decides what that means for the job."""
        if isinstance(failure, ImageRejected):
            self.metrics.rejected(failure.code)
        if isinstance(failure, (WorkerBusy, StoreOut, StoreBusy, ImageNotReady, NotRegistered)):
            until = round(run.now + self._delay(run, failure), 3)
            return self._retry_later(run, failure, until, counts=False)
        if isinstance(failure, KeyRefused) and failure.verdict is not KeyVerdict.CHATBOT:
            delay = self._delay(run, failure)
            return self._retry_later(run, failure, round(run.now + delay, 3), counts=False)
        counts = self._counts(run, failure)
        used = run.record.attempts_used + counts
        throttles = run.feedback.permit.throttles if run.feedback else 0
        retry_after = failure.retry_after if isinstance(failure, RateLimited) else None
        match decide(
            self.policy,
            failure.code,
            failure.sentence,
            used,
            self.rng,
            retry_after=retry_after,
            throttles=throttles,
        ):
            case GiveUp(code, sentence):
                return self._give_up(run, failure, code, sentence)
            case retry:
                return self._retry_later(
                    run, failure, round(run.now + retry.delay, 3), counts=counts
                )

    def record_image(self, run: Run) -> None:
        """Record the image's hash for a job that waits: the image must not change until then."""
        if run.record.image_sha256 is None and run.image_sha256:
            self.store.record_image(run.record.id, run.image_sha256)

    def lost(self, run: Run) -> Report:
        """Another worker runs the job; nothing is recorded."""
        self.metrics.lease_lost()
        log.warning("lease lost; another worker runs the job", extra=fields(job=run.record.id))
        return Report(Verdict.DROPPED, "The lease was lost; another worker runs the job.")

    def _counts(self, run: Run, failure: Failure) -> bool:
        """Whether the failure uses up an attempt: not while a circuit breaker is open."""
        if isinstance(failure, DeliveryFailed):
            return self.store.pool.report_failure(run.lease, failure.code, failure.sentence)
        return not isinstance(failure, RetryableFailure) or failure.consumes_attempt

    def _delay(self, run: Run, failure: Failure) -> float:
        """Seconds until a job tries again that uses up no attempt: ever later, up to a bound."""
        if isinstance(failure, StoreOut):  # it is called as soon as the store is back
            return self.rng.uniform(_PARKED / 2, _PARKED)
        times = sum(each.code is failure.code for each in run.record.attempts)
        bound = _LONGEST_NOT_READY if isinstance(failure, ImageNotReady) else _LONGEST_BUSY
        longest = min(bound, 2.0**times)
        return self.rng.uniform(longest / 2, longest)

    def _give_up(self, run: Run, failure: Failure, code: OutcomeCode, sentence: str) -> Report:
        attempt = self._attempt(run, failure.code, failure.http_status, Decision.FAIL, sentence)
        kept = self.store.complete(
            run.lease, JobState.FAILED, code, sentence, attempt, feedback=run.feedback
        )
        return Report(Verdict.FAILED, f"{code}: {sentence}") if kept else self.lost(run)

    def _retry_later(self, run: Run, failure: Failure, until: float, *, counts: bool) -> Report:
        reason = _wait_reason(failure)
        is_open_ended = reason is WaitReason.ACCOUNT_PAUSED
        attempt = self._attempt(
            run,
            failure.code,
            failure.http_status,
            Decision.RETRY,
            failure.sentence,
            next_at=None if is_open_ended else until,
            counted=counts,
        )
        self.record_image(run)
        kept = self.store.retry_later(
            run.lease,
            until,
            reason,
            failure.sentence,
            attempt,
            feedback=run.feedback,
            store=run.image_ref.store if run.image_ref and isinstance(failure, StoreOut) else "",
        )
        return Report(Verdict.WAITS, failure.sentence, until) if kept else self.lost(run)

    def _attempt(
        self,
        run: Run,
        code: OutcomeCode,
        http_status: int | None,
        decision: Decision,
        reason: str,
        *,
        next_at: float | None = None,
        counted: bool = True,
    ) -> Attempt:
        attempt = Attempt(
            started_at=run.started_at,
            duration=run.duration,
            code=code,
            http_status=http_status,
            decision=Decision.REPEAT if run.record.repeats else decision,
            reason=reason,
            next_at=next_at,
            counted=counted,
        )
        record = run.record
        self.metrics.attempt(attempt, record.asset, record.action)
        log.log(
            logging.INFO if decision is Decision.SUCCEED else logging.WARNING,
            "attempt",
            extra=fields(
                job=record.id,
                repeats=record.repeats,
                chatbot=record.chatbot_id,
                asset=None if record.asset == Asset.PROFILE_PICTURE else record.asset,
                action=None if record.action == Action.SET else record.action,
                account=record.account,
                attempt=record.attempts[-1].number + 1 if record.attempts else 1,
                code=code,
                status=http_status,
                duration=attempt.duration,
                decision=decision,
                next_at=None if next_at is None else at(next_at),
            ),
        )
        return attempt


def _wait_reason(failure: Failure) -> WaitReason:
    match failure:
        case KeyRefused(verdict=KeyVerdict.KEY):
            return WaitReason.ACCOUNT_PAUSED
        case RateLimited():
            return WaitReason.RATE_LIMITED
        case StoreUnavailable():
            return WaitReason.STORE_UNAVAILABLE
    return WaitReason.RETRY
