"""The list of messages that workers refused for their form."""

from typing import Any

from redis import Redis

from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys
from facelift.status.refused import RefusedMessage

KEPT = 1_000
"""How many of the latest messages the list holds."""


class RefusedMessages:
    """The latest refused messages; safe to share among threads.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._key = keys.refused_messages

    def add(self, message: RefusedMessage) -> None:
        """Add a message, and forget the oldest of more than 1,000.

        Raises:
            LedgerUnavailable, LedgerRefused: it may not be in the list.
        """
        with translated(), self._redis.pipeline() as pipeline:
            pipeline.lpush(self._key, message.encode())
            pipeline.ltrim(self._key, 0, KEPT - 1)
            pipeline.execute()

    def latest(self, limit: int = 20) -> tuple[RefusedMessage, ...]:
        """The latest messages, newest first.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        with translated():
            found: Any = self._redis.lrange(self._key, 0, limit - 1)
        return tuple(RefusedMessage.decode(each) for each in found)

    def clear(self) -> None:
        """Forget all of them."""
        with translated():
            self._redis.delete(self._key)
