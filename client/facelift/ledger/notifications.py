"""Waits for what the ledger's scripts publish: changes of jobs and of batches."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from redis import Redis

from facelift.ledger.subscription import Listener, Subscription


class Notifications:
    """Notifications of one ledger. Whatever waits for a job goes by these methods.

    All of a process that wait share one connection, and one thread that reads it.

    The test kit has notifications of its own, in which scripted workers go on while code waits.

    Args:
        redis: a client made with `decode_responses=True`.
    """

    def __init__(self, redis: Redis) -> None:
        self._subscription = Subscription(redis)

    def now(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    @contextmanager
    def listen(self, channel: str, silence: float) -> Iterator[Callable[[float], None]]:
        """Subscribe to `channel`; yields a function that waits for the next notification.

        It waits at most the seconds that it is given, and at most `silence`. It also returns when
        Redis has confirmed the subscription, at first and after a lost connection: read the
        state then. Notifications that came meanwhile count as one.

        Raises:
            LedgerRefused: Redis refused, when waiting. If it cannot be reached, waiting goes on.
        """
        is_notified = threading.Event()
        listener = Listener(is_notified.set)

        def wait(seconds: float) -> None:
            is_notified.wait(min(seconds, silence))
            is_notified.clear()
            if listener.refused is not None:
                raise listener.refused

        with self._subscription.listening(channel, listener):
            yield wait

    @asynccontextmanager
    async def listen_async(
        self, channel: str, silence: float
    ) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Do what `listen` does, without blocking the event loop."""
        loop, is_notified = asyncio.get_running_loop(), asyncio.Event()

        def notify() -> None:
            with suppress(RuntimeError):  # a loop that was closed before its tasks had ended
                loop.call_soon_threadsafe(is_notified.set)

        listener = Listener(notify)

        async def wait(seconds: float) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, silence)):
                    await is_notified.wait()
            is_notified.clear()
            if listener.refused is not None:
                raise listener.refused

        with self._subscription.listening(channel, listener):
            yield wait

    def pause(self, seconds: float) -> None:
        """Let changes gather, so that many at once are read as one."""
        time.sleep(seconds)

    async def pause_async(self, seconds: float) -> None:
        """Do what `pause` does, without blocking the event loop."""
        await asyncio.sleep(seconds)
