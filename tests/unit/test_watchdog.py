from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from facelift.errors import LedgerRefused, LedgerUnavailable
from worker.runtime.watchdog import EX_STUCK, PollWatchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.store import JobStore


class Scene:
    """A worker, its Redis and its clock, none of them real; the clock only counts."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.polled_at = 1000.0
        self.has_room = True
        self.ping: Callable[[], None] = lambda: None
        self.ended_with: list[int] = []
        self.watchdog = PollWatchdog(
            cast("JobStore", self),
            has_room=lambda: self.has_room,
            last_poll=lambda: self.polled_at,
            on_stuck=self.ended_with.append,
            patience=15,
            monotonic=lambda: self.now,
        )

    def pass_time(self, seconds: int, *, polling: bool = False) -> None:
        for _ in range(seconds):
            self.now += 1
            if polling:
                self.polled_at = self.now
            self.watchdog.run_once()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_worker_that_polls_is_left_alone_and_asks_redis_nothing(scene: Scene) -> None:
    scene.ping = lambda: pytest.fail("it asked")
    scene.pass_time(100, polling=True)
    assert scene.ended_with == []


def test_worker_that_does_not_poll_is_ended_when_patience_is_over(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.pass_time(15)
    assert scene.ended_with == []
    scene.pass_time(1)
    assert scene.ended_with == [EX_STUCK]
    (line,) = caplog.records
    assert line.levelname == "CRITICAL"
    assert "for 16 s no poll of the queue succeeded" in line.getMessage()


def test_full_worker_is_excused_and_has_its_time_once_it_has_room(scene: Scene) -> None:
    scene.has_room = False
    scene.pass_time(100)
    scene.has_room = True
    scene.pass_time(15)
    assert scene.ended_with == []
    scene.pass_time(1)
    assert scene.ended_with == [EX_STUCK]


@pytest.mark.parametrize("error", [LedgerUnavailable("gone"), LedgerRefused("full")])
def test_redis_that_does_not_serve_excuses_the_worker_until_it_does(
    scene: Scene, error: Exception
) -> None:
    def refuse() -> None:
        raise error

    scene.ping = refuse
    scene.pass_time(7)  # so recent a poll needs no excuse
    for _ in range(100):
        with pytest.raises(type(error)):
            scene.pass_time(1)
    scene.ping = lambda: None
    scene.pass_time(15)
    assert scene.ended_with == []
    scene.pass_time(1)
    assert scene.ended_with == [EX_STUCK]


def test_process_that_was_frozen_is_not_blamed_for_that(scene: Scene) -> None:
    scene.pass_time(3, polling=True)
    scene.now += 60
    scene.pass_time(15)
    assert scene.ended_with == []


def test_redis_that_was_frozen_while_it_was_asked_excuses_the_worker(scene: Scene) -> None:
    def answer_late() -> None:
        scene.now += 20

    scene.pass_time(7)
    scene.ping = answer_late
    scene.pass_time(1)
    scene.ping = lambda: None
    scene.pass_time(14)
    assert scene.ended_with == []
