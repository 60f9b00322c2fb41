"""Follows what changes: read, wait for a notification, read again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from facelift.ledger.notifications import Notifications

_T = TypeVar("_T")


class Following(Generic[_T]):
    """Follows one job or batch until it has ended.

    Args:
        notifications: of the ledger.
        channel: where changes are published.
        has_ended: whether nothing will change any more.
        timed_out: makes the error to raise at the timeout, of the value read last.
        timeout: seconds in all.
        every: seconds between two readings at least.
    """

    def __init__(
        self,
        notifications: Notifications,
        channel: str,
        *,
        has_ended: Callable[[_T], bool],
        timed_out: Callable[[_T, float], Exception],
        timeout: float,
        every: float = 0.0,
    ) -> None:
        self._notifications = notifications
        self._channel = channel
        self._has_ended = has_ended
        self._timed_out = timed_out
        self._timeout = timeout
        self._every = every
        self._deadline = notifications.now() + timeout

    def values(self, read: Callable[[], _T]) -> Iterator[_T]:
        """Yield what `read` returns, and again at each change."""
        yield (value := read())
        if self._has_ended(value):
            return
        with self._notifications.listen(self._channel) as wait:
            while True:
                if (latest := read()) == value:
                    wait(self._time_left(value))
                    continue
                yield (value := latest)
                if self._has_ended(value):
                    return
                self._notifications.pause(self._pause())

    async def values_async(self, read: Callable[[], Awaitable[_T]]) -> AsyncGenerator[_T, None]:
        """Do what `values` does, without blocking the event loop."""
        cancels = _cancels()
        yield (value := await read())
        if self._has_ended(value):
            return
        async with self._notifications.listen_async(self._channel) as wait:
            while True:
                if (latest := await read()) == value:
                    if _cancels() > cancels:  # the Redis client, while it connected, swallowed it
                        raise asyncio.CancelledError
                    await wait(self._time_left(value))
                    continue
                yield (value := latest)
                if self._has_ended(value):
                    return
                await self._notifications.pause_async(self._pause())

    def _time_left(self, value: _T) -> float:
        left = self._deadline - self._notifications.now()
        if not left > 0:  # also if it is not a number
            raise self._timed_out(value, self._timeout)
        return left

    def _pause(self) -> float:
        return max(0.0, min(self._every, self._deadline - self._notifications.now()))


def _cancels() -> int:
    """How often this task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0
