"""Celery's events for Flower, sent a few times a second instead of one by one.

A job has three of them (received, started, ended). Each by itself would wake the
consumer's loop and be published: a quarter of a worker's time.
"""

from __future__ import annotations

import weakref
from typing import Any

from celery.app import events
from celery.events.dispatcher import EventDispatcher
from celery.worker import state

_PAUSE = 0.25
_MOST = 500  # held back at most


class Dispatcher(EventDispatcher):  # type: ignore[misc] # celery is untyped
    """Buffers events until it is asked to send them."""

    def __init__(self, *args: Any, on_send_buffered: Any = None, **options: Any) -> None:  # noqa: ANN401 - celery's
        self._send_soon = on_send_buffered
        on_buffered = on_send_buffered and self._on_buffered
        super().__init__(*args, on_send_buffered=on_buffered, **options | {"buffer_limit": _MOST})
        self.app.events.dispatchers.add(self)

    def send_soon(self) -> None:
        """Have the consumer's loop send what is buffered."""
        if self._send_soon and any(self._group_buffer.values()):
            self._send_soon()

    def _on_buffered(self) -> None:
        # A loop that had no free slot must hear of it when a task ends.
        if len(state.reserved_requests) >= self.app.conf.worker_concurrency:
            self._send_soon()


class Events(events.Events):  # type: ignore[misc] # celery is untyped
    """Celery's part that makes dispatchers; made to make ours."""

    dispatcher_cls = Dispatcher

    def __init__(self, app: Any = None) -> None:  # noqa: ANN401 - celery's
        super().__init__(app)
        self.dispatchers: weakref.WeakSet[Dispatcher] = weakref.WeakSet()

    def revoked(self, job_id: str) -> None:
        """Tell Flower that a job was taken back; Celery tells it only of its own doing."""
        for dispatcher in list(self.dispatchers):
            if dispatcher.enabled:
                dispatcher.send(
                    "task-revoked", uuid=job_id, terminated=False, signum=None, expired=False
                )

    def tick(self) -> float:
        """Have sent what is buffered; returns the seconds until the next time."""
        for dispatcher in list(self.dispatchers):
            dispatcher.send_soon()
        return _PAUSE
