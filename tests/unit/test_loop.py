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


class Rounds:
    """A `run_once` that plays a script, then idles; `done` is set at the script's end."""

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
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Rounds], Loop]]:
    monkeypatch.setattr(loop_module, "_PAUSE_AFTER_ERROR", 0.001)
    loops: list[Loop] = []

    def start(rounds: Rounds) -> Loop:
        loop = Loop("test loop", rounds)
        loops.append(loop)
        loop.start()
        return loop

    yield start
    for loop in loops:
        loop.stop()


def test_rounds_follow_each_other_in_one_named_daemon_thread(
    started: Callable[[Rounds], Loop],
) -> None:
    rounds = Rounds(lambda: 0.0, lambda: 0.001, lambda: 0.0)
    started(rounds)
    assert rounds.done.wait(SOON)
    (thread,) = set(rounds.threads)
    assert (thread.name, thread.daemon) == ("test loop", True)
    assert len(rounds.threads) == 4


def test_starting_it_twice_makes_one_thread(started: Callable[[Rounds], Loop]) -> None:
    rounds = Rounds(lambda: 0.0)
    loop = started(rounds)
    loop.start()
    assert rounds.done.wait(SOON)
    loop.start()
    assert len([t for t in threading.enumerate() if t.name == "test loop"]) == 1


def test_stopping_interrupts_the_pause_and_ends_the_thread(
    started: Callable[[Rounds], Loop],
) -> None:
    rounds = Rounds()
    loop = started(rounds)
    assert rounds.done.wait(SOON)
    loop.stop()
    assert not rounds.threads[0].is_alive()


def test_it_can_be_started_after_it_was_stopped(started: Callable[[Rounds], Loop]) -> None:
    rounds = Rounds()
    loop = started(rounds)
    assert rounds.done.wait(SOON)
    loop.stop()
    rounds.done.clear()
    loop.start()
    assert rounds.done.wait(SOON)


def test_stopping_what_never_started_is_harmless() -> None:
    Loop("idle", Rounds()).stop()


def test_unavailable_redis_is_logged_once_and_once_when_it_is_back(
    started: Callable[[Rounds], Loop], caplog: pytest.LogCaptureFixture
) -> None:
    away = failing(LedgerUnavailable("Redis cannot be reached"))
    rounds = Rounds(lambda: 0.0, away, away, away, lambda: 0.0, lambda: 0.0)
    with caplog.at_level(logging.INFO, "worker.runtime.loop"):
        started(rounds)
        assert rounds.done.wait(SOON)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "test loop failed, will retry: Redis cannot be reached"),
        ("INFO", "test loop works again"),
    ]


def test_defect_is_logged_with_its_traceback_and_survived(
    started: Callable[[Rounds], Loop], caplog: pytest.LogCaptureFixture
) -> None:
    rounds = Rounds(failing(ZeroDivisionError("a defect")), lambda: 0.0)
    with caplog.at_level(logging.INFO, "worker.runtime.loop"):
        started(rounds)
        assert rounds.done.wait(SOON)
    line = caplog.records[0]
    assert (line.levelname, line.getMessage()) == ("ERROR", "test loop failed, will retry")
    assert line.exc_info is not None
    assert caplog.records[1].getMessage() == "test loop works again"
