"""The worker's side of the two Celery tasks: neither lets an unavailable Redis raise."""

import logging
import time
from dataclasses import dataclass

from facelift.errors import FaceliftError
from tasks.message import TaskMessage
from tasks.report import Report, Verdict
from worker.delivery.executor import Executor
from worker.delivery.intake import Intake
from worker.monitoring.logs import fields

log = logging.getLogger(__name__)

# Without a pause, a Redis that refuses writes would see the whole queue drained for nothing.
_PAUSE_AFTER_ERROR = 1.0


@dataclass(frozen=True, slots=True)
class MessageHandlers:
    """See `tasks.app.Handlers`."""

    executor: Executor
    intake: Intake

    def upload(self, job_id: str) -> Report:
        """Run the job; where Redis fails, the scheduler sends its message again."""
        try:
            return self.executor.run(job_id)
        except FaceliftError as error:
            log.warning("left to the scheduler", extra=fields(job=job_id, reason=str(error)))
            time.sleep(_PAUSE_AFTER_ERROR)
            return Report(Verdict.WAITS, str(error))

    def enqueue(self, message: TaskMessage) -> Report:
        """Record the job; where Redis fails, the message goes back to the queue."""
        try:
            return self.intake.receive(message)
        except FaceliftError as error:
            log.warning("left on the queue", extra=fields(job=message.id, reason=str(error)))
            time.sleep(_PAUSE_AFTER_ERROR)
            return Report(Verdict.REQUEUED, str(error))
