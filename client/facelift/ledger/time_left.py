"""How much time a call has left, and what limits it; needs no redis."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Limits(threading.local):
    """Of this thread, by the monotonic clock: when its call, and when its block has to end."""

    call: float | None = None
    block: float | None = None


LIMITS = Limits()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Inside the block, have all of this thread's calls end within `seconds`.

    It concerns the clients that have a limit of their own, and never prolongs that.
    """
    outer, end = LIMITS.block, time.monotonic() + seconds
    LIMITS.block = end if outer is None else min(end, outer)
    try:
        yield
    finally:
        LIMITS.block = outer


def is_time_left() -> bool:
    """Whether this thread's call may go on."""
    return LIMITS.call is None or time.monotonic() < LIMITS.call
