"""Let a few threads work at a time; the others wait in line, and light work passes heavy work."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.errors import WorkerBusy

_CHECK_SECONDS = 0.1

Proceed = Callable[[], object]
"""Called ten times a second while something waits or runs; raises whatever ends that."""


class Line:
    """Places for work, and the two lines before them.

    Heavy work has fewer places. It goes first while it fills none of them, so that it never
    starves; light work has the rest, so that it never waits for heavy work.

    Args:
        places: how many work at a time.
        heavy_places: how many of them may do heavy work.
        longest: how many may wait with light work; None for any number.
        longest_heavy: how many may wait with heavy work; None for any number.
    """

    def __init__(
        self,
        places: int,
        heavy_places: int = 1,
        *,
        longest: int | None = None,
        longest_heavy: int | None = None,
    ) -> None:
        self._free = {False: places, True: heavy_places}
        self._longest = {False: longest, True: longest_heavy}
        self._waiting: dict[bool, deque[threading.Event]] = {False: deque(), True: deque()}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, proceed: Proceed, *, is_heavy: bool = False) -> Iterator[None]:
        """Wait for a place, and hold it inside the block.

        Raises:
            WorkerBusy: too many wait already.
        """
        called = threading.Event()
        line, longest = self._waiting[is_heavy], self._longest[is_heavy]
        with self._lock:
            line.append(called)
            self._call()
            if not called.is_set() and longest is not None and len(line) > longest:
                line.remove(called)
                raise WorkerBusy("This worker decodes as many images as it may; it tries again.")
        try:
            while not called.wait(_CHECK_SECONDS):
                proceed()
            yield
        finally:
            with self._lock:
                if called.is_set():
                    self._free[False] += 1
                    self._free[True] += is_heavy
                else:
                    line.remove(called)
                self._call()

    def _call(self) -> None:
        """Call those whose turn it is; the lock is held."""
        for is_heavy in (True, False):
            while self._waiting[is_heavy] and self._free[False] and self._free[is_heavy]:
                self._free[False] -= 1
                self._free[True] -= is_heavy
                self._waiting[is_heavy].popleft().set()
