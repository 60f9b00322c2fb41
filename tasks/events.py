"""Celery's events for Flower, published four times a second in batches.

A job has three events: received, started, ended. Published one by one, each wakes the consumer's
loop; a worker then needs a quarter more CPU time a job.
"""

import weakref
from typing import Any

from celery.app import events
from celery.events.dispatcher import EventDispatcher
from kombu.asynchronous import get_event_loop

from tasks.transport import is_polling

_INTERVAL = 0.25
_BUFFER_LIMIT = 500
_ENDS = frozenset({"task-succeeded", "task-failed", "task-retried"})


class Dispatcher(EventDispatcher):  # type: ignore[misc] # celery is untyped
    """Buffers events until `send_soon`, or until the buffer is full."""

    def __init__(self, *args: Any, on_send_buffered: Any = None, **options: Any) -> None:  # noqa: ANN401 - celery's
        self._send_soon = on_send_buffered
        super().__init__(*args, **options | {"buffer_limit": _BUFFER_LIMIT})
        self.app.events.dispatchers.add(self)

    def send(self, type: str, *args: Any, **options: Any) -> None:  # noqa: A002, ANN401 - celery's
        """Buffer an event; see `EventDispatcher`."""
        super().send(type, *args, **options)
        # A loop that had no free slot does not poll the queue. It must wake to poll again.
        if type in _ENDS and not is_polling() and (loop := get_event_loop()):
            loop.call_soon(lambda: None)  # type: ignore[no-untyped-call] # kombu is untyped

    def send_soon(self) -> None:
        """Have the consumer's loop publish what is buffered."""
        if self._send_soon and any(self._group_buffer.values()):
            self._send_soon()


class Events(events.Events):  # type: ignore[misc] # celery is untyped
    """The part of a Celery app that makes dispatchers: it makes ours."""

    dispatcher_cls = Dispatcher

    def __init__(self, app: Any = None) -> None:  # noqa: ANN401 - celery's
        super().__init__(app)
        self.dispatchers: weakref.WeakSet[Dispatcher] = weakref.WeakSet()

    def revoked(self, job_id: str) -> None:
        """Send `task-revoked` for a job that was superseded or cancelled."""
        for dispatcher in list(self.dispatchers):
            if dispatcher.enabled:
                dispatcher.send(
                    "task-revoked", uuid=job_id, terminated=False, signum=None, expired=False
                )

    def run_once(self) -> float:
        """Have the buffered events published; returns the seconds until the next round."""
        for dispatcher in list(self.dispatchers):
            dispatcher.send_soon()
        return _INTERVAL
