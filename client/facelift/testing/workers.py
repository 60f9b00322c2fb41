"""In place of workers: one attempt at a job, with the outcome that the script says.

Lease, permit and outcome are recorded by the real ledger's scripts, and the retry policy
decides what follows a failure, as it does in a worker.
"""

import secrets
from dataclasses import replace
from random import Random

from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.job import account_key
from facelift.ledger.replies import Acquired, Feedback, KeyVerdict, Lease, Permit, Quota
from facelift.record import JobRecord
from facelift.retry import GiveUp, RetryPolicy, decide
from facelift.testing.ledger import MemoryLedger
from facelift.testing.outcome import Outcome, Script

_NAME = "facelift.testing"
_LEASE = 15.0
_LONGEST_REQUEST = 30.0


class ScriptedWorkers:
    """Attempts jobs, one after the other."""

    def __init__(self, ledger: MemoryLedger, script: Script) -> None:
        self._ledger = ledger
        self._script = script
        self._policy = RetryPolicy()
        self._chance = Random(0)  # always the same, so that a test that passed passes again

    def attempt(self) -> bool:
        """Attempt the job with the oldest message; False if no job can be attempted."""
        while (job_id := self._ledger.take_message()) is not None:
            if self._attempt(Lease(job_id, secrets.token_hex(8))):
                return True
        return False

    def _attempt(self, lease: Lease) -> bool:
        """False if the job has ended, or has to wait."""
        store = self._ledger.store
        acquired = store.acquire(lease, _LEASE, f"{_NAME}-{lease.token}")
        if not isinstance(acquired, Acquired):
            return False
        record, feedback = acquired.record, None
        outcome = self._script.next(record)
        if outcome.code is OutcomeCode.WORKER_LOST:
            self._ledger.move(_LEASE)
        else:
            if outcome.needs_request:
                permit = store.acquire_permit(lease, _LEASE, _LONGEST_REQUEST)
                if not isinstance(permit, Permit):
                    return False
                key = account_key(record.account)
                feedback = Feedback(permit, outcome.is_answer, key, Quota())
            self._conclude(lease, record, outcome, feedback)
        self._script.has_attempted(record)
        return True

    def _conclude(
        self, lease: Lease, record: JobRecord, outcome: Outcome, feedback: Feedback | None
    ) -> None:
        code, sentence = outcome.code_for(record), outcome.sentence_for(record)
        store = self._ledger.store
        counted, reason = True, WaitReason.RETRY
        if code is OutcomeCode.RATE_LIMITED:
            counted, reason = False, WaitReason.RATE_LIMITED
        elif code is OutcomeCode.UNAUTHORIZED:
            verdict = store.pool.report_refusal(lease, account_key(record.account))
            counted = verdict is KeyVerdict.CHATBOT
            reason = WaitReason.ACCOUNT_PAUSED if verdict is KeyVerdict.KEY else reason
        started_at, now = record.started_at or record.created_at, round(self._ledger.clock, 3)
        attempt = Attempt(
            started_at=started_at,
            duration=round(max(0.0, now - started_at), 4),
            code=code,
            http_status=outcome.http_status,
            decision=Decision.SUCCEED,
            reason=sentence,
            next_at=None,
            counted=counted,
        )
        if code.is_success:
            store.complete(lease, JobState.SUCCEEDED, code, sentence, attempt, feedback=feedback)
            return
        decision = decide(
            self._policy,
            code,
            sentence,
            record.attempts_used + counted,
            self._chance,
            retry_after=outcome.retry_after,
            throttles=feedback.permit.throttles if feedback else 0,
        )
        if isinstance(decision, GiveUp):
            code, sentence = decision.code, decision.sentence
            attempt = replace(attempt, decision=Decision.FAIL, reason=sentence)
            store.complete(lease, JobState.FAILED, code, sentence, attempt, feedback=feedback)
        else:
            until = round(now + decision.delay, 3)
            attempt = replace(attempt, decision=Decision.RETRY, next_at=until)
            store.retry_later(lease, until, reason, sentence, attempt, feedback=feedback)
