"""Follows what changes: read, wait for a notification, read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.ledger.notifications import Notifications

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Following(Generic[_T]):
    """How to follow one job or batch until it has ended.

    Attributes:
        notifications: of the ledger.
        channel: where changes are published.
        has_ended: whether nothing will change any more.
        timed_out: makes the error to raise at the timeout, of the value read last.
        timeout: seconds in all.
        deadline: the same, by the clock of `notifications`.
        every: seconds between two readings at least.
    """

    notifications: Notifications
    channel: str
    has_ended: Callable[[_T], bool]
    timed_out: Callable[[_T, float], Exception]
    timeout: float
    deadline: float
    every: float = 0.0

    def time_left(self, value: _T) -> float:
        """Seconds until the timeout; raises its error, of the value read last, if none are left."""
        left = self.deadline - self.notifications.now()
        if not left > 0:  # also if it is not a number
            raise self.timed_out(value, self.timeout)
        return left

    def pause(self) -> float:
        """Seconds to let pass after a change, so that many at once are read as one."""
        return max(0.0, min(self.every, self.deadline - self.notifications.now()))


def follow(following: Following[_T], read: Callable[[], _T]) -> Iterator[_T]:
    """Yield what `read` returns, and again at each change until it has ended."""
    yield (value := read())
    if following.has_ended(value):
        return
    with following.notifications.listen(following.channel) as wait:
        while True:
            if (latest := read()) == value:
                wait(following.time_left(value))
                continue
            yield (value := latest)
            if following.has_ended(value):
                return
            following.notifications.pause(following.pause())
