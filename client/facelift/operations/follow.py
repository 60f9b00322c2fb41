"""To follow what changes: look, wait to be told, look again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_T = TypeVar("_T")

# A change may go untold: Redis forgets its listeners when a connection is cut.
_LONGEST_SILENCE = 5.0


class Patience:
    """How long somebody who follows something waits until the next look at it.

    Args:
        timeout: seconds in all.
        every: seconds between two looks at least.
        monotonic: how to tell time.
    """

    def __init__(
        self, timeout: float, every: float = 0.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._deadline = monotonic() + timeout
        self._every = every

    def wait(self, timed_out: Callable[[], Exception]) -> float:
        """Seconds to wait to be told of a change; raises what `timed_out` makes if none is left."""
        left = self._deadline - self._monotonic()
        if not left > 0:  # also when it is no number
            raise timed_out()
        return min(left, _LONGEST_SILENCE)

    def rest(self) -> float:
        """Seconds to let pass after a change, so that many at once are looked at as one."""
        return max(0.0, min(self._every, self._deadline - self._monotonic()))


def follow(
    look: Callable[[], _T],
    is_over: Callable[[_T], bool],
    listening: Callable[[], AbstractContextManager[Callable[[float], None]]],
    patience: Patience,
    timed_out: Callable[[_T], Exception],
) -> Iterator[_T]:
    """Yield what there is to see, and again at each change until it is over.

    Args:
        look: sees.
        is_over: whether nothing will change any more.
        listening: hears of changes inside its block; what it gives waits for one.
        patience: how long to wait.
        timed_out: the error when time is up, made of what was seen last.
    """
    yield (seen := look())
    if is_over(seen):
        return
    with listening() as wait:
        while True:
            if (now := look()) != seen:
                yield (seen := now)
                if is_over(seen):
                    return
                time.sleep(patience.rest())
            else:
                wait(patience.wait(lambda: timed_out(seen)))
