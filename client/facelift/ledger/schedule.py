"""The first entry of the schedule: what tells a scheduler, cheaply, that something has changed."""

from typing import Any

from redis import Redis

from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys


class Schedule:
    """The schedule on one Redis; safe to share among threads.

    Args:
        redis: a client made with `decode_responses=True`.
        keys: of the ledger.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._key = keys.schedule

    def first(self) -> tuple[str, float] | None:
        """What is due first, and its time (Unix seconds); None if nothing is scheduled.

        It is one command, where to run the schedule takes seven.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        with translated():
            found: Any = self._redis.zrange(self._key, 0, 0, withscores=True)
        return tuple(found[0]) if found else None
