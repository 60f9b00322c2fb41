"""Celery's events for Flower, sent a few times a second instead of one by one.

A job has three of them (received, started, ended). Each by itself would wake the
consumer's loop and be published: a quarter of a worker's time. Only where the loop had
no free slot, and so does not ask for messages, the end of a task wakes it at once.

And most of the time nobody watches. Redis tells how many an event reached; after one that
reached nobody, one event of each round is sent, and the others only if somebody got it.
"""

from __future__ import annotations

import weakref
from typing import Any

from celery.app import events
from celery.events.dispatcher import EventDispatcher
from kombu.asynchronous import get_event_loop

from tasks.transport import forget_listeners, is_polling, listeners

_PAUSE = 0.25
_MOST = 500  # held back at most
_ENDS = frozenset({"task-succeeded", "task-failed", "task-retried"})


class Dispatcher(EventDispatcher):  # type: ignore[misc] # celery is untyped
    """Buffers events until it is asked to send them."""

    def __init__(self, *args: Any, on_send_buffered: Any = None, **options: Any) -> None:  # noqa: ANN401 - celery's
        self._send_soon = on_send_buffered
        self._is_watched = True
        super().__init__(*args, **options | {"buffer_limit": _MOST})
        self.app.events.dispatchers.add(self)

    def send(self, type: str, *args: Any, **options: Any) -> None:  # noqa: A002, ANN401 - the same
        """Hold an event back; see `EventDispatcher`."""
        super().send(type, *args, **options)
        if type in _ENDS and not is_polling() and (loop := get_event_loop()):
            loop.call_soon(_wake)  # type: ignore[no-untyped-call] # kombu is untyped

    def _publish(self, event: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the same
        if isinstance(event, list) and not self._is_watched:
            self._try(event[:1], *args, **options)
            event = event[1:]
            if not event or not self._is_watched:
                return
        self._try(event, *args, **options)

    def _try(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the same
        forget_listeners()
        super()._publish(*args, **options)
        # Where it is not told, as while Redis is away, somebody may watch.
        self._is_watched = listeners() != 0

    def send_soon(self) -> None:
        """Have the consumer's loop send what is buffered."""
        if self._send_soon and any(self._group_buffer.values()):
            self._send_soon()


def _wake() -> None:
    """Nothing to do but to go round the loop, which then asks for messages."""


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

    def run_once(self) -> float:
        """Have sent what is buffered; returns the seconds until the next time."""
        for dispatcher in list(self.dispatchers):
            dispatcher.send_soon()
        return _PAUSE
