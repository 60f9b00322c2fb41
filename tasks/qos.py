"""Which messages a worker has taken and not acknowledged, and how it gives them back.

Wake-up messages need no copy in Redis until they are acknowledged, because the ledger sends lost
ones again. Kombu's copies cost a third of a worker's CPU time a job.
"""

import time
from typing import Any

from kombu import message
from kombu.transport import redis, virtual

from tasks.message import MessageRefused, TaskMessage

_NO_ARGUMENTS: list[Any] = [[], {}, {}]


class Message(virtual.Message):
    """A message as Celery gets it: of a task, or of Celery's remote control.

    Attributes:
        received: what a message of a task asks for; None for another.
    """

    received: TaskMessage | None = None

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:  # noqa: ANN401 - kombu's
        if isinstance(payload, TaskMessage):
            self.received = self._raw = payload
            # Celery's own reader gets nothing that a producer wrote, but the task's id.
            message.Message.__init__(  # type: ignore[no-untyped-call] # kombu is untyped
                self,
                body=b"[[], {}, {}]",
                delivery_tag=payload.tag,
                content_type="application/json",
                content_encoding="utf-8",
                headers={
                    "task": payload.task,
                    "id": payload.id,
                    "root_id": payload.id,
                    "received": payload,
                },
                delivery_info={"exchange": "", "routing_key": ""},
                channel=channel,
                **options,
            )
            return
        if (payload.get("headers") or {}).get("compression"):
            raise MessageRefused("a compressed message of Celery's remote control")
        super().__init__(payload, channel, **options)  # type: ignore[no-untyped-call] # kombu is untyped

    def decode(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The decoded body; that of a task is always empty."""
        return _NO_ARGUMENTS if self.received else super().decode()  # type: ignore[no-untyped-call] # kombu is untyped


class QoS(redis.QoS):
    """Keeps copies in Redis only of messages that the ledger cannot send again.

    A copy is the entry itself, so it is read again, and as strictly, when it has been given back.
    """

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu's
        """A message was taken from the queue."""
        received = message.received
        if received and not received.is_wake_up:
            with self.pipe_or_acquire() as pipe:
                pipe.zadd(self.unacked_index_key, {delivery_tag: time.time()})
                pipe.hset(self.unacked_key, delivery_tag, received.item)
                pipe.execute()
        virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped

    def ack(self, delivery_tag: str) -> None:
        """A message is done."""
        parent = redis.QoS if self._has_copy(delivery_tag) else virtual.QoS
        parent.ack(self, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's
        """A message is not wanted; with `requeue` it goes back to the queue."""
        if self._has_copy(delivery_tag):
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call] # kombu is untyped
            return
        if requeue:
            self._put_back([self._delivered.get(delivery_tag)])
        virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call] # kombu is untyped

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:  # noqa: ANN401, FBT001, FBT002 - kombu's
        """Put a copy back on the queue: at its end with `leftmost`, else where it is taken next."""

        def give_back(pipe: Any) -> None:  # noqa: ANN401 - redis-py's
            item = pipe.hget(self.unacked_key, tag)
            pipe.multi()
            pipe.zrem(self.unacked_index_key, tag)
            pipe.hdel(self.unacked_key, tag)
            if item:
                (pipe.lpush if leftmost else pipe.rpush)(self.channel.queue, item)

        with self.channel.conn_or_acquire(client) as connected:
            connected.transaction(give_back, self.unacked_key)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401 - kombu's
        """The process ends: put back what was taken and not acknowledged."""
        self._flush()  # type: ignore[no-untyped-call] # kombu is untyped
        wake_ups = [tag for tag in self._delivered if not self._has_copy(tag)]
        self._put_back([self._delivered[tag] for tag in wake_ups])
        for tag in wake_ups:
            del self._delivered[tag]
        super().restore_unacked(client)  # type: ignore[no-untyped-call] # kombu is untyped

    def _has_copy(self, tag: str) -> bool:
        message = self._delivered.get(tag)
        received = message.received if message else None
        return bool(received and not received.is_wake_up)

    def _put_back(self, messages: list[Any]) -> None:
        items = [each.received.item for each in messages if each and each.received]
        if items:
            with self.channel.conn_or_acquire() as client:
                client.rpush(self.channel.queue, *items)
