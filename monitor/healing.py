"""Brings what Flower remembers in line with the ledger.

Celery's events are published and may be lost, and some jobs end without one: superseded,
cancelled or expired while they waited, given up after their worker died. Flower would show
such a task as started, or as to be retried, for ever.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from flower.events import Events
from flower.utils.tasks import search_tasks
from tornado.ioloop import PeriodicCallback

from monitor.rows import outcome_of, state_of

if TYPE_CHECKING:
    from facelift.record import JobRecord
    from monitor.records import Records

_EVERY = 5_000  # milliseconds
_SETTLED = 5.0  # seconds within which an event may still be on its way
_AT_ONCE = 100  # tasks of each state
_UNFINISHED = ("RECEIVED", "STARTED", "RETRY")

_EVENTS = {
    "SUCCESS": "task-succeeded",
    "FAILURE": "task-failed",
    "REVOKED": "task-revoked",
    "RETRY": "task-retried",
}


class HealedEvents(Events):  # type: ignore[misc] # flower is untyped
    """Flower's memory of tasks, which looks a few up in the ledger every 5 s, in turn.

    Attributes:
        records: what the ledger knows; set before Flower makes its own.
    """

    records: Records

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - flower's
        super().__init__(*args, **options)
        self._healer = PeriodicCallback(self.heal, _EVERY)
        self._offsets = dict.fromkeys(_UNFINISHED, 0)

    def start(self) -> None:
        """Begin to listen, and to heal."""
        super().start()
        self._healer.start()

    def stop(self) -> None:
        """Stop both."""
        self._healer.stop()
        super().stop()

    async def heal(self) -> None:
        """Look the next tasks up; those that the ledger knows better are put right."""
        suspects = [task for state in _UNFINISHED for task in self._next(state)]
        ids = [task.uuid for task in suspects if time.time() - (task.timestamp or 0) > _SETTLED]
        found = await asyncio.get_running_loop().run_in_executor(
            None, lambda: [record for record in map(self.records.get, ids) if record]
        )
        for record in found:
            task = self.state.tasks.data.get(record.id)
            if task is not None and _knows_better(record, task):
                self.state.event(_event(record, task))

    def _next(self, state: str) -> list[Any]:
        page = search_tasks(self, state=state, offset=self._offsets[state], limit=_AT_ONCE)
        is_last = len(page.task_ids) < _AT_ONCE
        self._offsets[state] = 0 if is_last else self._offsets[state] + _AT_ONCE
        tasks = self.state.tasks.data
        return [tasks[task_id] for task_id in page.task_ids if task_id in tasks]


def _knows_better(record: JobRecord, task: Any) -> bool:  # noqa: ANN401 - celery's
    """Whether the task can have no event of its own any more, or is shown as what it is not."""
    state = state_of(record)
    is_settled = time.time() - (task.timestamp or 0) > _SETTLED
    return is_settled and state in _EVENTS and task.state != state


def _event(record: JobRecord, task: Any) -> dict[str, Any]:  # noqa: ANN401 - celery's
    state = state_of(record)
    said = {"result": outcome_of(record)} if state == "SUCCESS" else {}
    if state in {"FAILURE", "RETRY"}:
        said = {"exception": outcome_of(record)}
    return {
        "type": _EVENTS[str(state)],
        "uuid": record.id,
        "hostname": task.worker.hostname,
        "timestamp": record.finished_at or time.time(),
        "local_received": time.time(),
        "clock": (task.clock or 0) + 1,
        **said,
    }
