"""Messages that became no job: those that workers refused, and lists that no worker reads."""

from typing import Any

from redis import Redis

from facelift import status
from facelift.job import ENQUEUE_TASK
from facelift.ledger.broker import PRIORITIES, priority_list
from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys

KEPT = 1_000
"""How many of the latest messages the list holds."""

_AT_ONCE, _ROUNDS = 1_000, 100


class RefusedMessages:
    """The latest refused messages; safe to share among threads.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._key = keys.refused_messages

    def add(self, message: "status.RefusedMessage") -> None:
        """Add a message, and forget the oldest of more than 1,000.

        Raises:
            LedgerUnavailable, LedgerRefused: it may not be in the list.
        """
        with translated(), self._redis.pipeline() as pipeline:
            pipeline.lpush(self._key, message.encode())
            pipeline.ltrim(self._key, 0, KEPT - 1)
            pipeline.execute()

    def latest(self, limit: int = 20) -> "tuple[status.RefusedMessage, ...]":
        """The latest messages, newest first.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        with translated():
            found: Any = self._redis.lrange(self._key, 0, limit - 1)
        return tuple(status.RefusedMessage.decode(each) for each in found)

    def stray_lists(self) -> tuple[str, ...]:
        """The lists that hold messages of `facelift.enqueue`, but none of the queue.

        A producer's `global_keyprefix`, another key prefix or another queue puts them there. It
        looks at the next message of each list, among the first 100,000 keys.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached; or the user may not list
                keys.
        """
        ours = {priority_list(self._keys.queue, each) for each in PRIORITIES}
        found: list[str] = []
        cursor, rounds = 0, 0
        with translated():
            while rounds == 0 or (cursor and rounds < _ROUNDS):
                answer: Any = self._redis.scan(cursor, count=_AT_ONCE, _type="list")
                cursor, names = answer
                found += [name for name in names if name not in ours and self._holds_ours(name)]
                rounds += 1
        return tuple(sorted(set(found)))

    def _holds_ours(self, name: str) -> bool:
        if name.startswith(self._keys.base):
            return False
        item: Any = self._redis.lindex(name, -1)
        return bool(item) and f'"{ENQUEUE_TASK}"' in item
