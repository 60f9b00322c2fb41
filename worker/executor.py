"""A job's way: claim, read, validate, admit, deliver, record.

Each step either gives the next one what it needs or raises why not; what that
means for the job is decided in `backoff.py`, and written down here, once.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tasks.errors import FaceliftError
from tasks.job import ImageRef
from tasks.record import Attempt, Decision, JobState, OutcomeCode, WaitReason
from tasks.store import Claimed, Ended, Go, Waiting
from worker.backoff import GiveUp, decide
from worker.errors import (
    Failure,
    ImageRejected,
    LeaseLost,
    PermanentFailure,
    RateLimited,
    RetryableFailure,
)
from worker.image import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tasks.record import JobRecord
    from tasks.store import JobStore
    from worker.backoff import RetryPolicy
    from worker.endpoint import EndpointClient, Receipt
    from worker.image import ImageLimits, ValidImage
    from worker.image_store import ImageStore
    from worker.lease import Held, LeaseKeeper

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What one message came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    WAITS = "waits"
    DROPPED = "dropped"
    """A duplicate, or the job is somebody else's; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message came to, for Celery and Flower.

    Attributes:
        verdict: the kind.
        sentence: the same for a person.
        until: Unix seconds of the next look, when it waits.
    """

    verdict: Verdict
    sentence: str
    until: float | None = None


class _Run:
    """One job in this worker's hands, and the time since it was claimed.

    Times are told by the ledger's clock: a worker's own may be wrong.
    """

    def __init__(self, record: JobRecord, held: Held, monotonic: Callable[[], float]) -> None:
        self.record = record
        self.held = held
        self.started_at = record.started_at or record.created_at
        self._monotonic = monotonic
        self._claimed = monotonic()

    @property
    def duration(self) -> float:
        """Seconds since the claim."""
        return round(self._monotonic() - self._claimed, 4)

    @property
    def now(self) -> float:
        """Unix seconds."""
        return round(self.started_at + self.duration, 3)


@dataclass(frozen=True, kw_only=True)
class Executor:
    """Carries out jobs; one is shared by all threads of a worker.

    Attributes:
        store: the ledger.
        leases: keeps the claimed jobs ours.
        image_stores: by name.
        account_key: the API key of an account, or None if there is no such account.
        image_limits: what an image must obey.
        endpoint: where pictures go.
        policy: backoff and attempts.
        rng: chance, for the jitter.
        worker: this worker's name.
        monotonic: seconds that never go back.
    """

    store: JobStore
    leases: LeaseKeeper
    image_stores: Mapping[str, ImageStore]
    account_key: Callable[[str], str | None]
    image_limits: ImageLimits
    endpoint: EndpointClient
    policy: RetryPolicy
    rng: Random
    worker: str
    monotonic: Callable[[], float] = time.monotonic

    def run(self, job_id: str) -> Report:
        """Do what can be done for `job_id` now.

        Raises:
            LedgerUnavailable, LedgerRefused: the job stays where it was and comes back.
        """
        with self.leases.hold(job_id) as held:
            claim = self.store.claim(held.lease, self.leases.seconds, self.worker)
            match claim:
                case Claimed(record):
                    return self._carry_out(_Run(record, held, self.monotonic))
                case Waiting(_, message, until):
                    return Report(Verdict.WAITS, message, until)
                case Ended(state):
                    return Report(Verdict.DROPPED, f"The job has ended before: {state}.")
                case _:
                    return Report(
                        Verdict.DROPPED, "Another worker runs the job, or nobody knows it."
                    )

    def _carry_out(self, run: _Run) -> Report:
        try:
            api_key = self._find_key(run.record)
            image = self._read_image(run.record)
            turned_away = self._admit(run)
            if turned_away:
                return turned_away
            receipt = self._deliver(run, image, api_key)
        except Failure as failure:
            return self._record_failure(run, failure)
        except LeaseLost:
            return self._lost(run)
        except FaceliftError:  # the ledger's
            raise
        except Exception as error:
            log.exception("job=%s a defect of ours, or of this machine", run.record.id)
            return self._record_failure(
                run,
                RetryableFailure(
                    OutcomeCode.INTERNAL_ERROR,
                    f"The worker failed with {type(error).__name__}; its log tells more.",
                ),
            )
        return self._record_success(run, receipt)

    def _find_key(self, record: JobRecord) -> str:
        key = self.account_key(record.account)
        if key is None:
            raise PermanentFailure(
                OutcomeCode.UNKNOWN_ACCOUNT,
                f"The workers hold no API key for the account {record.account!r}.",
            )
        return key

    def _read_image(self, record: JobRecord) -> ValidImage:
        ref = ImageRef.parse(record.image)
        store = self.image_stores.get(ref.store)
        if store is None:
            raise PermanentFailure(
                OutcomeCode.UNKNOWN_STORE, f"The workers know no image store {ref.store!r}."
            )
        data = store.read(ref.path, self.image_limits.byte_limit)
        if record.sha256 and hashlib.sha256(data).hexdigest() != record.sha256:
            raise ImageRejected(
                OutcomeCode.IMAGE_CHANGED,
                "The stored image is not the one that was enqueued: its SHA-256 differs.",
            )
        return validate(data, self.image_limits)

    def _admit(self, run: _Run) -> Report | None:
        asked_at = self.monotonic()
        gate = self.store.admit(run.held.lease, self.leases.seconds)
        match gate:
            case Go():
                self.leases.renewed(run.held, asked_at)
                return None
            case Waiting(_, message, until):
                return Report(Verdict.WAITS, message, until)
            case Ended(state):
                return Report(Verdict.FAILED, f"The job ended before its request: {state}.")
            case _:
                raise LeaseLost

    def _deliver(self, run: _Run, image: ValidImage, api_key: str) -> Receipt:
        return self.endpoint.deliver(
            image,
            chatbot_id=run.record.chatbot_id,
            file_name=ImageRef.parse(run.record.image).path,
            api_key=api_key,
            may_send=lambda: self.leases.is_ours(run.held),
        )

    def _record_success(self, run: _Run, receipt: Receipt) -> Report:
        sentence = receipt.message
        attempt = self._attempt(
            run, OutcomeCode.DELIVERED, receipt.http_status, Decision.SUCCEED, sentence
        )
        if not self.store.finish(
            run.held.lease, JobState.SUCCEEDED, OutcomeCode.DELIVERED, sentence, attempt
        ):
            return self._lost(run)
        return Report(Verdict.DELIVERED, sentence)

    def _record_failure(self, run: _Run, failure: Failure) -> Report:
        counted = getattr(failure, "consumes_attempt", True)
        used = run.record.attempts_used + counted
        match decide(self.policy, failure, used, self.rng):
            case GiveUp(code, sentence):
                attempt = self._attempt(
                    run, failure.code, failure.http_status, Decision.FAIL, sentence
                )
                kept = self.store.finish(run.held.lease, JobState.FAILED, code, sentence, attempt)
                report = Report(Verdict.FAILED, f"{code}: {sentence}")
            case retry:
                until = round(run.now + retry.delay, 3)
                attempt = self._attempt(
                    run,
                    failure.code,
                    failure.http_status,
                    Decision.RETRY,
                    failure.sentence,
                    next_at=until,
                    counted=counted,
                )
                limited = isinstance(failure, RateLimited)
                reason = WaitReason.RATE_LIMITED if limited else WaitReason.RETRY
                kept = self.store.postpone(run.held.lease, until, reason, failure.sentence, attempt)
                report = Report(Verdict.WAITS, failure.sentence, until)
        return report if kept else self._lost(run)

    def _attempt(
        self,
        run: _Run,
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
            decision=decision,
            reason=reason,
            next_at=next_at,
            counted=counted,
        )
        log.log(
            logging.INFO if decision is Decision.SUCCEED else logging.WARNING,
            "job=%s chatbot=%s account=%s attempt=%d code=%s status=%s duration=%.3f decision=%s%s",
            run.record.id,
            run.record.chatbot_id,
            run.record.account,
            run.record.attempts_used + counted,
            code,
            http_status or "-",
            attempt.duration,
            decision,
            "" if next_at is None else f" next_in={next_at - run.now:.1f}s",
        )
        return attempt

    def _lost(self, run: _Run) -> Report:
        log.warning("job=%s lease lost; another worker has it", run.record.id)
        return Report(Verdict.DROPPED, "The lease was lost; another worker has the job.")
