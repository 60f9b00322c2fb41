"""Corrects the task states in Flower's memory by the ledger.

Celery's events may be lost, and some jobs end without one: superseded, cancelled or expired while
they waited, failed after their worker was lost. Flower would show such a task in STARTED or RETRY
for ever.
"""

import asyncio
import time
from typing import Any

from flower.events import Events
from flower.utils.tasks import search_tasks
from tornado.ioloop import PeriodicCallback

from facelift.record import JobRecord
from monitor.records import Records
from monitor.rows import outcome_of, state_of

_EVERY = 5_000  # milliseconds
_SETTLED = 5.0  # seconds after which no event is on its way any more
_BATCH = 100  # tasks of each state in one round
_UNFINISHED = ("RECEIVED", "STARTED", "RETRY")

_EVENTS = {
    "SUCCESS": "task-succeeded",
    "FAILURE": "task-failed",
    "REVOKED": "task-revoked",
    "RETRY": "task-retried",
}


class HealedEvents(Events):  # type: ignore[misc] # flower is untyped
    """Flower's memory of tasks; compares some with the ledger every 5 s, in turn.

    Attributes:
        records: read from the ledger; set before Flower makes an instance.
    """

    records: Records

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - flower's
        super().__init__(*args, **options)
        self._healer = PeriodicCallback(self.heal, _EVERY)
        self._offsets = dict.fromkeys(_UNFINISHED, 0)

    def start(self) -> None:
        """Start to receive events, and to heal."""
        super().start()
        self._healer.start()

    def stop(self) -> None:
        """Stop both."""
        self._healer.stop()
        super().stop()

    async def heal(self) -> None:
        """Compare the next unfinished tasks with the ledger, and correct their states."""
        suspects = [task for state in _UNFINISHED for task in self._next(state)]
        ids = [task.uuid for task in suspects if time.time() - (task.timestamp or 0) > _SETTLED]
        found = await asyncio.get_running_loop().run_in_executor(
            None, lambda: [record for record in map(self.records.get, ids) if record]
        )
        for record in found:
            task = self.state.tasks.data.get(record.id)
            if task is not None and _is_outdated(record, task):
                self.state.event(_event(record, task))

    def _next(self, state: str) -> list[Any]:
        page = search_tasks(self, state=state, offset=self._offsets[state], limit=_BATCH)
        is_last = len(page.task_ids) < _BATCH
        self._offsets[state] = 0 if is_last else self._offsets[state] + _BATCH
        tasks = self.state.tasks.data
        return [tasks[task_id] for task_id in page.task_ids if task_id in tasks]


def _is_outdated(record: JobRecord, task: Any) -> bool:  # noqa: ANN401 - celery's
    """Whether the task is shown in another state than its job's, with no event on its way."""
    state = state_of(record)
    is_settled = time.time() - (task.timestamp or 0) > _SETTLED
    return is_settled and state in _EVENTS and task.state != state


def _event(record: JobRecord, task: Any) -> dict[str, Any]:  # noqa: ANN401 - celery's
    state = state_of(record)
    details = {"result": outcome_of(record)} if state == "SUCCESS" else {}
    if state in {"FAILURE", "RETRY"}:
        details = {"exception": outcome_of(record)}
    return {
        "type": _EVENTS[str(state)],
        "uuid": record.id,
        "hostname": task.worker.hostname,
        "timestamp": record.finished_at or time.time(),
        "local_received": time.time(),
        "clock": (task.clock or 0) + 1,
        **details,
    }
