"""Waits for what the ledger's scripts publish: changes of jobs and of batches."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from redis import Redis

from facelift.ledger.connection import connect_async, translated

if TYPE_CHECKING:
    from redis.asyncio import Redis as AsyncRedis

_SUBSCRIBE_SECONDS = 5.0
# A notification may be lost: Redis forgets subscribers whose connection is cut.
_LONGEST_SILENCE = 5.0


class Notifications:
    """Notifications of one ledger. Whatever waits for a job goes by these methods.

    The test kit has notifications of its own, in which scripted workers go on while code waits.

    Args:
        redis: a client made with `decode_responses=True`.
        redis_url: the same Redis, for `listen_async`.
    """

    def __init__(self, redis: Redis, redis_url: str | None = None) -> None:
        self._redis = redis
        self._redis_url = redis_url
        self._async_redis: AsyncRedis | None = None

    def now(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    @contextmanager
    def listen(self, channel: str) -> Iterator[Callable[[float], None]]:
        """Subscribe to `channel`; yields a function that waits for the next notification.

        It waits at most the seconds that it is given, and may return earlier. Notifications
        that came meanwhile count as one.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or refused.
        """
        with translated(), self._redis.pubsub() as listener:  # type: ignore[no-untyped-call] # redis-py's
            listener.subscribe(channel)
            listener.get_message(timeout=_SUBSCRIBE_SECONDS)

            def wait(seconds: float) -> None:
                with translated():
                    message = listener.get_message(timeout=min(seconds, _LONGEST_SILENCE))
                    while message:
                        message = listener.get_message()

            yield wait

    @asynccontextmanager
    async def listen_async(self, channel: str) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Do what `listen` does, without blocking the event loop."""
        if self._async_redis is None:
            self._async_redis = connect_async(self._redis_url or "")
        with translated():
            async with self._async_redis.pubsub() as listener:
                await listener.subscribe(channel)
                await listener.get_message(timeout=_SUBSCRIBE_SECONDS)

                async def wait(seconds: float) -> None:
                    with translated():
                        message = await listener.get_message(timeout=min(seconds, _LONGEST_SILENCE))
                        while message:
                            message = await listener.get_message()

                yield wait

    def pause(self, seconds: float) -> None:
        """Let changes gather, so that many at once are read as one."""
        time.sleep(seconds)

    async def pause_async(self, seconds: float) -> None:
        """Do what `pause` does, without blocking the event loop."""
        await asyncio.sleep(seconds)

    async def close_async(self) -> None:
        """Close the connections of `listen_async`."""
        if self._async_redis is not None:
            await self._async_redis.aclose()
