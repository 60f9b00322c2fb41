"""Kombu's Redis transport, made to outlive what is no message and a Redis that is unwell.

Without this, one entry on the queue that is not JSON, or that Celery cannot
read, ends the worker that takes it, goes back, and ends the next one. And a
worker asks a Redis that refuses it again without a pause, but one that was
away for some minutes only every half minute.

It also saves what a doorbell does not need: a note in Redis of each message
until it is acknowledged, for the ledger sends again what got lost, and a new
Redis client for each such note. And of a queue with a backlog it takes several
messages at once, as far as there are free slots for them: one by one, the loop
that takes them is what a busy worker waits for.
"""

from __future__ import annotations

import json
import logging
import time
from queue import Empty
from typing import Any

from celery.app.amqp import AMQP
from celery.worker import state
from kombu import connection
from kombu.transport import redis, virtual

from facelift.job import UPLOAD_TASK

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 2.0
_AT_ONCE = 8  # messages; not more, so that processes share a short queue
_BACKLOG = 0.02  # seconds; a queue that answers sooner has more

_last_poll = time.monotonic()
_is_polling = False
_listeners: int | None = None
_last_start = -_SHORTEST_PAUSE


def last_poll() -> float:
    """When the queue was last polled with success, in monotonic seconds."""
    return _last_poll


def is_polling() -> bool:
    """Whether the queue is being asked for a message; not while all slots are busy."""
    return _is_polling


def listeners() -> int | None:
    """How many the events reached that were published last; None if that was not told."""
    return _listeners


def forget_listeners() -> None:
    """Events are to be published, and nothing is known yet of whom they reach."""
    global _listeners  # noqa: PLW0603 - there is one publisher of events a process
    _listeners = None


def _count_listeners(count: int, **_: object) -> int:
    global _listeners  # noqa: PLW0603 - the same
    _listeners = (_listeners or 0) + count
    return count


class QoS(redis.QoS):
    """Keeps no note in Redis of messages that the ledger sends again when they get lost."""

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu's
        """A message was taken from the queue."""
        if _is_wake_up(message):
            virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped
        else:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call] # the same

    def ack(self, delivery_tag: str) -> None:
        """A message is done with."""
        if _is_wake_up(self._delivered.get(delivery_tag)):
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call] # the same
        else:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call] # the same

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's
        """A message is not wanted; another worker may want it."""
        message = self._delivered.get(delivery_tag)
        if not _is_wake_up(message):
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call] # the same
            return
        if requeue:
            self._put_back([message])
        virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call] # the same

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401 - kombu's
        """Give back what was taken and not done with; the process ends."""
        self._flush()  # type: ignore[no-untyped-call] # the same
        doorbells = {tag: each for tag, each in self._delivered.items() if _is_wake_up(each)}
        self._put_back(list(doorbells.values()))
        for tag in doorbells:
            del self._delivered[tag]
        super().restore_unacked(client)  # type: ignore[no-untyped-call] # the same

    def _put_back(self, messages: list[Any]) -> None:
        if not messages:
            return
        with self.channel.conn_or_acquire() as client, client.pipeline() as pipe:
            for message in messages:
                delivery = message.delivery_info
                self.channel._do_restore_message(  # noqa: SLF001 - as its parent does
                    message._raw,  # noqa: SLF001 - the same
                    delivery["exchange"],
                    delivery["routing_key"],
                    pipe,
                )
            pipe.execute()


class Channel(redis.Channel):
    """Drops what is not JSON, takes several messages at once, notes each poll that succeeds.

    Attributes:
        slots: how many messages the worker can be at; 0 to take them one by one.
    """

    QoS = QoS
    from_transport_options = (*redis.Channel.from_transport_options, "slots")  # type: ignore[assignment] # kombu's own is as long as it is
    slots = 0
    _kept_client: Any = None
    _asked_at = -_BACKLOG

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - kombu's
        # The one for publishing and acknowledging has no state but its pool.
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call] # kombu is untyped
        if self._kept_client is None or self._kept_client.connection_pool is not self.pool:
            self._kept_client = super()._create_client()  # type: ignore[no-untyped-call] # the same
            self._kept_client.set_response_callback("PUBLISH", _count_listeners)
        return self._kept_client

    def _brpop_start(self, *args: Any) -> None:  # noqa: ANN401 - kombu's
        global _is_polling  # noqa: PLW0603 - there is one queue a process
        self._asked_at = time.monotonic()
        super()._brpop_start(*args)  # type: ignore[no-untyped-call] # kombu is untyped
        _is_polling = True

    def _brpop_read(self, **options: Any) -> Any:  # noqa: ANN401 - kombu's
        global _last_poll, _is_polling  # noqa: PLW0603 - the same
        _is_polling = False
        try:
            taken = super()._brpop_read(**options)  # type: ignore[no-untyped-call] # kombu is untyped
        except Empty:  # a poll that found nothing
            _last_poll = time.monotonic()
            raise
        except ValueError as error:  # what JSON and UTF-8 raise
            _drop(error)
            taken = True
        _last_poll = time.monotonic()
        if _last_poll - self._asked_at < _BACKLOG:
            self._take_more()
        return taken

    def _take_more(self) -> None:
        room = min(_AT_ONCE, self.slots - len(state.reserved_requests))
        if room <= 0:
            return
        for queue in self.active_queues:
            for item in self.client.rpop(queue, room) or ():
                try:
                    self.connection._deliver(json.loads(item), queue)  # noqa: SLF001 - as its parent does
                except ValueError as error:
                    _drop(error)


class Transport(redis.Transport):
    """Drops what Celery cannot read."""

    Channel = Channel

    def register_with_event_loop(self, broker: Any, loop: Any) -> None:  # noqa: ANN401 - kombu's
        """Begin to consume, but not again at once if that has just failed."""
        global _last_start  # noqa: PLW0603 - there is one consumer a process
        time.sleep(max(0.0, _last_start + _SHORTEST_PAUSE - time.monotonic()))
        _last_start = time.monotonic()
        super().register_with_event_loop(broker, loop)  # type: ignore[no-untyped-call] # kombu is untyped

    def _deliver(self, message: Any, queue: str) -> None:  # noqa: ANN401 - whatever JSON holds
        try:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call] # the same
        except Exception as error:
            if isinstance(error, self._network_errors()):
                raise
            log.error("message dropped: Celery cannot read it (%r)", error)  # noqa: TRY400 - the same
            self._forget(message)

    def _network_errors(self) -> tuple[type[Exception], ...]:
        # Kombu counts KeyError among them, which here is a missing field.
        return tuple({*self.connection_errors, *self.channel_errors} - {KeyError})

    def _forget(self, message: Any) -> None:  # noqa: ANN401 - the same
        """Acknowledge it, or it would come back at the next start."""
        properties = message.get("properties") if isinstance(message, dict) else None
        tag = properties.get("delivery_tag") if isinstance(properties, dict) else None
        for channel in self.channels:
            if tag in channel.qos._delivered:  # noqa: SLF001 - there is no public way to ask
                channel.basic_ack(tag)


class Connection(connection.Connection):
    """Tries often enough to be back soon after Redis is."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu's
        """Connect, however long it takes; see `kombu.Connection`."""
        options = {"interval_max": _LONGEST_PAUSE} | options
        return super().ensure_connection(*args, **options)  # type: ignore[no-untyped-call] # the same


def _drop(error: ValueError) -> None:
    log.error("message dropped: it is not JSON (%s)", error)


def _is_wake_up(message: Any) -> bool:  # noqa: ANN401 - kombu's message, or nothing
    return message is not None and message.headers.get("task") == UPLOAD_TASK


class Amqp(AMQP):  # type: ignore[misc] # celery is untyped
    """Celery's part that makes connections; made to make ours."""

    Connection = Connection
