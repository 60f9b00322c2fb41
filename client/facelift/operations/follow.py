"""Follows what changes: read, wait for a notification, read again.

When Redis cannot be reached meanwhile, waiting goes on until its own timeout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from facelift.errors import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.ledger.notifications import Notifications

_T = TypeVar("_T")

_AFTER_A_FAILURE = 5.0  # seconds; a connection that is there again is notified of before
_FIRST_READ, _LATER_READ = 1.0, 0.2  # seconds that a reading has, also if the timeout is shorter


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
        silence: seconds without a notification after which it is read all the same. Some changes
            are none of the job, such as its account's pause, and bring no notification.
        every: seconds between two readings at least.
    """

    notifications: Notifications
    channel: str
    has_ended: Callable[[_T], bool]
    timed_out: Callable[[_T, float], Exception]
    timeout: float
    deadline: float
    silence: float
    every: float = 0.0

    def seconds_to_wait(self, value: _T, failure: LedgerUnavailable | None) -> float:
        """Until it has to be read; raises the timeout's error, of the value read last, if it is up.

        Args:
            value: what was read last.
            failure: why it could not be read since.
        """
        left = self.deadline - self.notifications.now()
        if not left > 0:  # also if it is not a number
            raise self.timed_out(value, self.timeout) from failure
        return left if failure is None else min(left, _AFTER_A_FAILURE)

    def seconds_to_read(self, *, first: bool = False) -> float:
        """How long one reading may take."""
        left = self.deadline - self.notifications.now()
        return max(_FIRST_READ if first else _LATER_READ, left)

    def pause(self) -> float:
        """Seconds to let pass after a change, so that many at once are read as one."""
        return max(0.0, min(self.every, self.deadline - self.notifications.now()))


def follow(following: Following[_T], read: Callable[[float], _T]) -> Iterator[_T]:
    """Yield what `read` returns, and again at each change until it has ended.

    Args:
        following: what, and for how long.
        read: reads it within so many seconds.
    """
    yield (value := read(following.seconds_to_read(first=True)))
    if following.has_ended(value):
        return
    failure = None
    with following.notifications.listen(following.channel, following.silence) as wait:
        while True:
            wait(following.seconds_to_wait(value, failure))
            try:
                latest = read(following.seconds_to_read())
            except LedgerUnavailable as error:
                failure = error
                continue
            failure = None
            if latest == value:
                continue
            yield (value := latest)
            if following.has_ended(value):
                return
            following.notifications.pause(following.pause())
