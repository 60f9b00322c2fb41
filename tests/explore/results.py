"""Records what came of a request, as `worker.delivery.recorder` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.attempt import Attempt
from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.ledger.replies import Feedback, Lease, Permit, Quota

if TYPE_CHECKING:
    from facelift.ledger.store import JobStore
    from tests.explore.state import Run

RETRY_DELAY, MOST_ATTEMPTS = 2.0, 3
STATUS = {
    OutcomeCode.DELIVERED: 200,
    OutcomeCode.CHATBOT_NOT_FOUND: 404,
    OutcomeCode.SERVER_ERROR: 500,
}
_FINAL = {OutcomeCode.DELIVERED, OutcomeCode.CHATBOT_NOT_FOUND}


def record_result(store: JobStore, run: Run, now: float, *, removes: bool) -> bool:
    """Returns whether the ledger says that it kept it."""
    code = run.code or OutcomeCode.TIMEOUT
    is_delivered = code is OutcomeCode.DELIVERED
    is_over = code in _FINAL
    done = OutcomeCode.REMOVED if is_delivered and removes else code
    final = done
    if not is_over and run.used + run.counted >= MOST_ATTEMPTS:
        is_over, final = True, OutcomeCode.RETRIES_EXHAUSTED
    decision = Decision.RETRY
    if is_over:
        decision = Decision.SUCCEED if is_delivered else Decision.FAIL
    if is_over and is_delivered and run.repeats:
        decision = Decision.REPEAT
    attempt = Attempt(
        started_at=now,
        duration=0.1,
        code=done,
        http_status=STATUS.get(code),
        decision=decision,
        reason="Because.",
        next_at=None if is_over else now + RETRY_DELAY,
        counted=run.counted,
    )
    feedback = Feedback(
        Permit(), code in _FINAL, "key-1", Quota(), settled=code is not OutcomeCode.TIMEOUT
    )
    lease = Lease(run.job, run.token)
    if not is_over:
        until, reason = now + RETRY_DELAY, WaitReason.RETRY
        return store.retry_later(lease, until, reason, "No.", attempt, feedback=feedback)
    state = JobState.SUCCEEDED if is_delivered else JobState.FAILED
    return store.complete(lease, state, final, "So.", attempt, feedback=feedback)
