from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from facelift.errors import LedgerUnavailable
from worker.runtime import loop as loop_module
from worker.runtime.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOON = 5.0


class Ticks:
    """A run_once that does what it is told, then idles; `done` when it has been told it all."""

    def __init__(self, *script: Callable[[], float]) -> None:
        self.script = list(script)
        self.done = threading.Event()
        self.threads: list[threading.Thread] = []

    def __call__(self) -> float:
        self.threads.append(threading.current_thread())
        if not self.script:
            self.done.set()
            return 60.0
        return self.script.pop(0)()


def failing(error: Exception) -> Callable[[], float]:
    def fail() -> float:
        raise error

    return fail


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Ticks], Loop]]:
    monkeypatch.setattr(loop_module, "_AFTER_FAILURE", 0.001)
    loops: list[Loop] = []

    def start(ticks: Ticks) -> Loop:
        loop = Loop("test loop", ticks)
        loops.append(loop)
        loop.start()
        return loop

    yield start
    for loop in loops:
        loop.stop()


def test_ticks_follow_each_other_in_one_named_daemon_thread(
    started: Callable[[Ticks], Loop],
) -> None:
    ticks = Ticks(lambda: 0.0, lambda: 0.001, lambda: 0.0)
    started(ticks)
    assert ticks.done.wait(SOON)
    (thread,) = set(ticks.threads)
    assert (thread.name, thread.daemon) == ("test loop", True)
    assert len(ticks.threads) == 4


def test_starting_it_twice_makes_one_thread(started: Callable[[Ticks], Loop]) -> None:
    ticks = Ticks(lambda: 0.0)
    loop = started(ticks)
    loop.start()
    assert ticks.done.wait(SOON)
    loop.start()
    assert len([t for t in threading.enumerate() if t.name == "test loop"]) == 1


def test_stopping_interrupts_the_pause_and_ends_the_thread(
    started: Callable[[Ticks], Loop],
) -> None:
    ticks = Ticks()
    loop = started(ticks)
    assert ticks.done.wait(SOON)
    loop.stop()
    assert not ticks.threads[0].is_alive()


def test_it_can_be_started_after_it_was_stopped(started: Callable[[Ticks], Loop]) -> None:
    ticks = Ticks()
    loop = started(ticks)
    assert ticks.done.wait(SOON)
    loop.stop()
    ticks.done.clear()
    loop.start()
    assert ticks.done.wait(SOON)


def test_stopping_what_never_started_is_harmless() -> None:
    Loop("idle", Ticks()).stop()


def test_an_absent_redis_is_told_once_and_once_when_it_is_back(
    started: Callable[[Ticks], Loop], caplog: pytest.LogCaptureFixture
) -> None:
    away = failing(LedgerUnavailable("Redis cannot be reached"))
    ticks = Ticks(lambda: 0.0, away, away, away, lambda: 0.0, lambda: 0.0)
    with caplog.at_level(logging.INFO, "worker.runtime.loop"):
        started(ticks)
        assert ticks.done.wait(SOON)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "test loop cannot work, goes on trying: Redis cannot be reached"),
        ("INFO", "test loop works again"),
    ]


def test_a_defect_is_told_with_its_traceback_and_outlived(
    started: Callable[[Ticks], Loop], caplog: pytest.LogCaptureFixture
) -> None:
    ticks = Ticks(failing(ZeroDivisionError("a defect")), lambda: 0.0)
    with caplog.at_level(logging.INFO, "worker.runtime.loop"):
        started(ticks)
        assert ticks.done.wait(SOON)
    told = caplog.records[0]
    assert (told.levelname, told.getMessage()) == ("ERROR", "test loop failed, goes on trying")
    assert told.exc_info is not None
    assert caplog.records[1].getMessage() == "test loop works again"
