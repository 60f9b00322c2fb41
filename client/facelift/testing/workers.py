"""In place of workers: one try at a job, which comes to what the script says.

The claim, the gate before the request and the outcome are the real ledger's; what
a failure means for the job is decided and recorded by the worker's own code.
"""

from __future__ import annotations

import math
import secrets
import time
from random import Random
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from facelift.ledger.replies import Acquired, Feedback, Go, Lease, Quota
from facelift.retry import RetryPolicy
from worker.delivery.recorder import Recorder
from worker.delivery.run import Run
from worker.endpoint.answer import Receipt
from worker.errors import DeliveryFailed
from worker.monitoring.metrics import Metrics
from worker.runtime.lease import Held

if TYPE_CHECKING:
    from facelift.testing.ledger import Ledger
    from facelift.testing.outcome import Outcome
    from facelift.testing.script import Script

_LEASE = 15.0
_LONGEST_REQUEST = 30.0


class ScriptedWorkers:
    """Try jobs, one after the other."""

    def __init__(self, ledger: Ledger, script: Script) -> None:
        self._ledger = ledger
        self._script = script
        # Always the same chance, so that a test that passed passes again.
        self._recorder = Recorder(
            store=ledger, policy=RetryPolicy(), rng=Random(0), metrics=Metrics()
        )

    def attempt(self) -> bool:
        """Give one job a try, the one whose message is the oldest; False if none is to be had."""
        while (job_id := self._ledger.take_message()) is not None:
            if self._try(job_id):
                return True
        return False

    def _try(self, job_id: str) -> bool:
        """False if the job had no try: it has ended, or waits for its turn."""
        lease = Lease(job_id, secrets.token_hex(8))
        claim = self._ledger.acquire(lease, _LEASE, "facelift.testing")
        if not isinstance(claim, Acquired):
            return False
        outcome = self._script.next(claim.record)
        run = Run(claim.record, Held(lease, math.inf), time.monotonic)
        if not self._carry_out(run, outcome):
            return False
        self._script.tried(claim.record)
        return True

    def _carry_out(self, run: Run, outcome: Outcome) -> bool:
        """False if its turn was over before the request."""
        if outcome.code is OutcomeCode.WORKER_LOST:
            self._ledger.move(_LEASE)
            return True
        result = outcome.result
        if outcome.needs_request:
            gate = self._ledger.acquire_permit(run.lease, _LEASE, _LONGEST_REQUEST)
            if not isinstance(gate, Go):
                return False
            answered = not isinstance(result, DeliveryFailed) and result.http_status is not None
            run.feedback = Feedback(
                gate, answered=answered, fingerprint="facelift.testing", quota=Quota()
            )
        if isinstance(result, Receipt):
            self._recorder.success(run, result.message, result.http_status)
        else:
            self._recorder.failure(run, result)
        return True
