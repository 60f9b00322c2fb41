"""A thread that calls one run_once again and again, and outlives whatever the run_once raises."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_AFTER_FAILURE = 1.0


class Loop:
    """Runs `run_once` in a daemon thread from `start` to `stop`.

    Args:
        name: of the thread, and in the log.
        run_once: one round; returns the seconds until the next.
    """

    def __init__(self, name: str, run_once: Callable[[], float]) -> None:
        self._name = name
        self._tick = run_once
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start, unless it runs already."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop after the round that is under way, waiting up to `timeout` seconds for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        healthy = True
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = self._tick()
            except FaceliftError as error:
                if healthy:
                    log.warning("%s cannot work, goes on trying: %s", self._name, error)
                healthy, pause = False, _AFTER_FAILURE
            except Exception:
                log.exception("%s failed, goes on trying", self._name)
                healthy, pause = False, _AFTER_FAILURE
            else:
                if not healthy:
                    log.info("%s works again", self._name)
                healthy = True
