"""Kombu's Redis transport, hardened against malformed messages and Redis outages.

With kombu's own, a queue entry that is not JSON, or that Celery cannot read, ends the worker that
takes it, goes back to the queue, and ends the next worker. A worker queries a Redis that refuses
it without a pause, but one that was away for minutes only every half minute.

Wake-up messages need no copy in Redis until they are acknowledged, because the ledger sends lost
ones again. Kombu's copies cost a third of a worker's CPU time a job.
"""

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
_BATCH = 8  # messages; not more, so that processes share a short queue
_BACKLOG = 0.02  # seconds; a queue that answers sooner has more

_last_poll = time.monotonic()
_is_polling = False
_last_start = -_SHORTEST_PAUSE


def last_poll() -> float:
    """When the queue was last polled successfully, in monotonic seconds."""
    return _last_poll


def is_polling() -> bool:
    """Whether the worker waits for a message; it does not while all slots are busy."""
    return _is_polling


class QoS(redis.QoS):
    """Keeps copies in Redis only of messages that the ledger cannot send again."""

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu's
        """A message was taken from the queue."""
        parent = virtual.QoS if _is_wake_up(message) else redis.QoS
        parent.append(self, message, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped

    def ack(self, delivery_tag: str) -> None:
        """A message is done."""
        parent = virtual.QoS if _is_wake_up(self._delivered.get(delivery_tag)) else redis.QoS
        parent.ack(self, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's
        """A message is not wanted; with `requeue` it goes back to the queue."""
        message = self._delivered.get(delivery_tag)
        if not _is_wake_up(message):
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call] # kombu is untyped
            return
        if requeue:
            self._put_back([message])
        virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401 - kombu's
        """The process ends: put back what was taken and not acknowledged."""
        self._flush()  # type: ignore[no-untyped-call] # kombu is untyped
        wake_ups = {tag: each for tag, each in self._delivered.items() if _is_wake_up(each)}
        self._put_back(list(wake_ups.values()))
        for tag in wake_ups:
            del self._delivered[tag]
        super().restore_unacked(client)  # type: ignore[no-untyped-call] # kombu is untyped

    def _put_back(self, messages: list[Any]) -> None:
        if not messages:
            return
        with self.channel.conn_or_acquire() as client, client.pipeline() as pipe:
            for message in messages:
                delivery = message.delivery_info
                self.channel._do_restore_message(  # noqa: SLF001 - as kombu's QoS does
                    message._raw,  # noqa: SLF001 - as kombu's QoS does
                    delivery["exchange"],
                    delivery["routing_key"],
                    pipe,
                )
            pipe.execute()


class Channel(redis.Channel):
    """Drops what is not JSON, takes several messages at once, notes each successful poll.

    To take a backlog in batches saves a tenth of a worker's CPU time a job.

    Attributes:
        slots: how many jobs the worker can run at once; 0 to take messages one by one.
    """

    QoS = QoS
    from_transport_options = (*redis.Channel.from_transport_options, "slots")  # type: ignore[assignment] # longer than kombu's own
    slots = 0
    _polled_at = -_BACKLOG

    def _brpop_start(self, *args: Any) -> None:  # noqa: ANN401 - kombu's
        global _is_polling  # noqa: PLW0603 - a process polls one queue
        self._polled_at = time.monotonic()
        super()._brpop_start(*args)  # type: ignore[no-untyped-call] # kombu is untyped
        _is_polling = True

    def _brpop_read(self, **options: Any) -> Any:  # noqa: ANN401 - kombu's
        global _last_poll, _is_polling  # noqa: PLW0603 - a process polls one queue
        _is_polling = False
        try:
            taken = super()._brpop_read(**options)  # type: ignore[no-untyped-call] # kombu is untyped
        except Empty:  # the queue was empty
            _last_poll = time.monotonic()
            raise
        except ValueError as error:  # raised for invalid JSON and UTF-8
            _drop(error)
            taken = True
        _last_poll = time.monotonic()
        if _last_poll - self._polled_at < _BACKLOG:
            self._take_batch()
        return taken

    def _take_batch(self) -> None:
        room = min(_BATCH, self.slots - len(state.reserved_requests))
        if room <= 0:
            return
        for queue in self.active_queues:
            for item in self.client.rpop(queue, room) or ():
                try:
                    self.connection._deliver(json.loads(item), queue)  # noqa: SLF001 - as kombu's Channel does
                except ValueError as error:
                    _drop(error)


class Transport(redis.Transport):
    """Drops what Celery cannot read."""

    Channel = Channel

    def register_with_event_loop(self, broker: Any, loop: Any) -> None:  # noqa: ANN401 - kombu's
        """Start to consume; after a failure not again at once."""
        global _last_start  # noqa: PLW0603 - a process has one consumer
        time.sleep(max(0.0, _last_start + _SHORTEST_PAUSE - time.monotonic()))
        _last_start = time.monotonic()
        super().register_with_event_loop(broker, loop)  # type: ignore[no-untyped-call] # kombu is untyped

    def _deliver(self, message: Any, queue: str) -> None:  # noqa: ANN401 - whatever JSON holds
        try:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call] # kombu is untyped
        except Exception as error:
            if isinstance(error, self._network_errors()):
                raise
            log.error("message dropped: Celery cannot read it (%r)", error)  # noqa: TRY400 - a traceback would show kombu's code only
            self._forget(message)

    def _network_errors(self) -> tuple[type[Exception], ...]:
        # Kombu includes KeyError, which here means a missing field.
        return tuple({*self.connection_errors, *self.channel_errors} - {KeyError})

    def _forget(self, message: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Acknowledge the message, or it would come back at the next start."""
        properties = message.get("properties") if isinstance(message, dict) else None
        tag = properties.get("delivery_tag") if isinstance(properties, dict) else None
        for channel in self.channels:
            if tag in channel.qos._delivered:  # noqa: SLF001 - there is no public way to ask
                channel.basic_ack(tag)


class Connection(connection.Connection):
    """Reconnects soon after Redis is back."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu's
        """Retry at least every 5 s; see `kombu.Connection`."""
        options = {"interval_max": _LONGEST_PAUSE} | options
        return super().ensure_connection(*args, **options)  # type: ignore[no-untyped-call] # kombu is untyped


def _drop(error: ValueError) -> None:
    log.error("message dropped: it is not JSON (%s)", error)


def _is_wake_up(message: Any) -> bool:  # noqa: ANN401 - kombu's message, or nothing
    return message is not None and message.headers.get("task") == UPLOAD_TASK


class Amqp(AMQP):  # type: ignore[misc] # celery is untyped
    """The part of a Celery app that makes connections: it makes ours."""

    Connection = Connection
