"""The Celery app `facelift` and its two tasks.

The app knows how a message becomes a call and how the call's report becomes a task state.
What the calls do is the worker's: it sets `app.handlers` before the app starts.
"""

from typing import Protocol

from celery import Celery
from celery.app.task import Task

from facelift.job import ENQUEUE_TASK, UPLOAD_TASK
from facelift.ledger.broker import forget_celery_settings
from tasks.message import TaskMessage
from tasks.report import JobFailed, Report, celery_result
from tasks.request import WakeUpRequest


class Handlers(Protocol):
    """What the tasks call. Neither method raises for an unavailable Redis."""

    def upload(self, job_id: str) -> Report:
        """Run the job as far as it can go now."""

    def enqueue(self, message: TaskMessage) -> Report:
        """Record the job that a message describes, under the message's task id."""


class App(Celery):  # type: ignore[misc] # celery is untyped
    """A Celery app that knows its handlers."""

    handlers: Handlers


forget_celery_settings()
app = App(
    "facelift",
    amqp="tasks.transport:Amqp",
    events="tasks.events:Events",
    loader="celery.loaders.app:AppLoader",
    fixups=(),  # no Django, whatever DJANGO_SETTINGS_MODULE says
    set_as_current=False,
)


@app.task(name=UPLOAD_TASK, bind=True, throws=(JobFailed,), Request=WakeUpRequest)  # type: ignore[untyped-decorator] # celery is untyped
def upload(task: Task) -> str:
    """Run the job whose id is the message's task id. The message carries nothing else."""
    return _conclude(task, app.handlers.upload(task.request.id))


# Acknowledged late: until the job is recorded, the message is the only copy.
@app.task(name=ENQUEUE_TASK, bind=True, acks_late=True, throws=(JobFailed,))  # type: ignore[untyped-decorator] # celery is untyped
def enqueue(task: Task) -> str:
    """Record a job for a producer that has Celery but not `facelift-client`."""
    return _conclude(task, app.handlers.enqueue(task.request.received))


def _conclude(task: Task, report: Report) -> str:
    return celery_result(report, lambda: app.events.revoked(task.request.id))
