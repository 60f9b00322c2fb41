"""Kombu's Redis transport, hardened against malformed messages and Redis outages.

With kombu's own, a queue entry that is not JSON, or that Celery cannot read, ends the worker that
takes it, goes back to the queue, and ends the next worker. A worker queries a Redis that refuses
it without a pause, but one that was away for minutes only every half minute.
"""

import logging
import time
from collections.abc import Callable
from queue import Empty
from typing import Any

from celery.app.amqp import AMQP
from celery.worker import state
from kombu import connection
from kombu.transport import redis
from redis import UnixDomainSocketConnection

from facelift.ledger.broker import priority_list
from tasks.message import MessageRefused, TaskMessage, read_message
from tasks.qos import Message, QoS

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 2.0
_BATCH = 8  # messages; not more, so that processes share a short queue
_BACKLOG = 0.02  # seconds; a queue that answers sooner has more
_POLL_SECONDS = 4
_OWN = -1  # stands for the worker's own queue among the priorities

_last_poll = time.monotonic()
_is_polling = False
_last_start = -_SHORTEST_PAUSE
_listener: Callable[[MessageRefused], object] | None = None


def last_poll() -> float:
    """When the queue was last polled successfully, in monotonic seconds."""
    return _last_poll


def is_polling() -> bool:
    """Whether the worker waits for a message; it does not while all slots are busy."""
    return _is_polling


def on_refused(listener: Callable[[MessageRefused], object]) -> None:
    """Have `listener` called with each message that is refused for its form.

    It is called in the consumer's loop, and must not raise.
    """
    global _listener  # noqa: PLW0603 - a process polls one queue
    _listener = listener


class Channel(redis.Channel):
    """Reads entries strictly, takes several at once, notes each successful poll.

    To take a backlog in batches saves a tenth of a worker's CPU time a job.

    Attributes:
        slots: how many jobs the worker can run at once; 0 to take messages one by one.
        queue: the queue that it polls, and gives messages back to.
        own_queue: the list that it polls besides, which no other worker does; empty for none.
        unix_socket_path: the socket to connect to instead of a host.
        keyprefix_binding_deadlines: a key of ours: kombu's own sweeps other apps' bindings.
    """

    QoS = QoS
    Message = Message
    from_transport_options = (  # type: ignore[assignment] # longer than kombu's own
        *redis.Channel.from_transport_options,
        *("slots", "queue", "own_queue", "unix_socket_path", "keyprefix_binding_deadlines"),
    )
    slots = 0
    queue = ""
    own_queue = ""
    unix_socket_path = ""
    _polled_at = -_BACKLOG
    _wake_ups_first = False

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - kombu's
        if self.unix_socket_path:
            self.connection_class = UnixDomainSocketConnection  # type: ignore[assignment] # kombu is untyped
        params = super()._connparams(asynchronous)  # type: ignore[no-untyped-call] # kombu is untyped
        if self.unix_socket_path:
            params["path"] = self.unix_socket_path
            for of_tcp in ("host", "port", "socket_connect_timeout", "socket_keepalive"):
                params.pop(of_tcp, None)
            params.pop("socket_keepalive_options", None)
        return params

    def _brpop_start(self, *args: Any) -> None:  # noqa: ANN401 - kombu's
        global _is_polling  # noqa: PLW0603 - a process polls one queue
        self._polled_at = time.monotonic()
        # Redis takes from the first list that has a message. They take turns, so that a flood of
        # wake-up messages keeps no producer's message, nor the other way round.
        self._wake_ups_first = not self._wake_ups_first
        steps = self.priority_steps
        own = [_OWN] if self.own_queue else []
        if self._wake_ups_first:
            self.priority_steps = [*steps, *own]
        else:
            self.priority_steps = [*steps[1:], *own, *steps[:1]]
        try:
            super()._brpop_start(*args)  # type: ignore[no-untyped-call] # kombu is untyped
        finally:
            self.priority_steps = steps
        _is_polling = True

    def _q_for_pri(self, queue: str, pri: int) -> str:
        # Kombu's own takes the steps for sorted, and names another list while they are not.
        return self.own_queue if pri == _OWN else priority_list(queue, pri)

    def _brpop_read(self, **options: Any) -> bool:  # noqa: ANN401 - kombu's
        global _last_poll, _is_polling  # noqa: PLW0603 - a process polls one queue
        _is_polling = False
        try:
            try:
                taken = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            _last_poll = time.monotonic()
            if not taken:
                raise Empty
            self._receive_item(taken[1])
        finally:
            self._in_poll = None  # type: ignore[assignment] # kombu is untyped
        if _last_poll - self._polled_at < _BACKLOG:
            self._take_batch(taken[0])
        return True

    def _take_batch(self, polled: bytes) -> None:
        room = min(_BATCH, self.slots - len(state.reserved_requests))
        if room <= 0:
            return
        is_own = polled == self.own_queue.encode()
        for queue in [self.own_queue] if is_own else self.active_queues:
            for item in self.client.rpop(queue, room) or ():
                self._receive_item(item)

    def _receive_item(self, item: bytes) -> None:
        try:
            self.connection.receive(read_message(item), self.queue)
        except MessageRefused as refused:
            _refuse(refused)

    def _receive_one(self, client: Any) -> Any:  # noqa: ANN401 - kombu's
        """Receive a message of Celery's remote control."""
        try:
            return super()._receive_one(client)  # type: ignore[no-untyped-call] # kombu is untyped
        except Empty:
            raise
        except Exception as error:
            if isinstance(error, self.connection.network_errors):
                raise
            _refuse(MessageRefused(f"Celery's remote control cannot read it ({_name(error)})"))
            raise Empty from None


class Transport(redis.Transport):
    """Drops what Celery cannot read."""

    Channel = Channel
    brpop_timeout = _POLL_SECONDS

    def register_with_event_loop(self, broker: Any, loop: Any) -> None:  # noqa: ANN401 - kombu's
        """Start to consume; after a failure not again at once."""
        global _last_start  # noqa: PLW0603 - a process has one consumer
        time.sleep(max(0.0, _last_start + _SHORTEST_PAUSE - time.monotonic()))
        _last_start = time.monotonic()
        super().register_with_event_loop(broker, loop)  # type: ignore[no-untyped-call] # kombu is untyped

    def receive(self, message: TaskMessage, queue: str) -> None:
        """Give Celery a message of a task; one that it cannot take is refused."""
        try:
            self._deliver(message, queue)  # type: ignore[no-untyped-call] # kombu is untyped
        except Exception as error:
            if isinstance(error, self.network_errors):
                raise
            for channel in self.channels:  # or it would come back at the next start
                if message.tag in channel.qos._delivered:  # noqa: SLF001 - there is no public way to ask
                    channel.basic_ack(message.tag)
            _refuse(MessageRefused(f"Celery cannot read it ({_name(error)})", message.id))

    @property
    def network_errors(self) -> tuple[type[Exception], ...]:
        """Errors of the connection and of Redis; kombu adds KeyError, here a missing field."""
        return tuple({*self.connection_errors, *self.channel_errors} - {KeyError})


class Connection(connection.Connection):
    """Reconnects soon after Redis is back."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu's
        """Retry at least every 5 s; see `kombu.Connection`."""
        options = {"interval_max": _LONGEST_PAUSE} | options
        return super().ensure_connection(*args, **options)  # type: ignore[no-untyped-call] # kombu is untyped


def _refuse(refused: MessageRefused) -> None:
    log.error("message refused: %s", refused.reason)
    if _listener:
        _listener(refused)


def _name(error: Exception) -> str:
    return type(error).__name__


class Amqp(AMQP):  # type: ignore[misc] # celery is untyped
    """The part of a Celery app that makes connections: it makes ours."""

    Connection = Connection
