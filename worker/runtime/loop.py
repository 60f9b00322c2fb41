"""A thread that calls a function again and again and survives every exception."""

import logging
import threading
from collections.abc import Callable

from facelift.errors import FaceliftError

log = logging.getLogger(__name__)

_PAUSE_AFTER_ERROR = 1.0


class Loop:
    """Calls `run_once` in a daemon thread from `start` to `stop`.

    Args:
        name: of the thread, and in the log.
        run_once: one round; returns the seconds until the next.
    """

    def __init__(self, name: str, run_once: Callable[[], float]) -> None:
        self._name = name
        self._run_once = run_once
        self._stopping = threading.Event()
        self._has_run = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start, unless the thread already runs."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop after the current round; wait at most `timeout` seconds for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wait_for_round(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until a round has succeeded; whether one has."""
        return self._has_run.wait(timeout)

    def _run(self) -> None:
        is_failing = False
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = self._run_once()
            except FaceliftError as error:
                if not is_failing:
                    log.warning("%s failed, will retry: %s", self._name, error)
                is_failing, pause = True, _PAUSE_AFTER_ERROR
            except Exception:
                log.exception("%s failed, will retry", self._name)
                is_failing, pause = True, _PAUSE_AFTER_ERROR
            else:
                self._has_run.set()
                if is_failing:
                    log.info("%s works again", self._name)
                is_failing = False
