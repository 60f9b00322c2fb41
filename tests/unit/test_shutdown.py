from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest

from facelift.errors import LedgerUnavailable
from worker.runtime import shutdown as shutdown_module
from worker.runtime.lease import LeaseKeeper
from worker.runtime.shutdown import GracefulShutdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.ledger.replies import Lease
    from facelift.ledger.store import JobStore

SOON = 5.0


class Ledger:
    """A ledger of which only `release` is asked."""

    def __init__(self) -> None:
        self.handed_back: list[str] = []
        self.answer: Callable[[], bool] = lambda: True

    def renew(self, _leases: list[Lease], _seconds: float) -> list[Lease]:
        return []

    def release(self, lease: Lease) -> bool:
        self.handed_back.append(lease.job_id)
        return self.answer()


class Scene:
    """A process with jobs in its hands; `left` is how it ended."""

    def __init__(self, patience: float = 60) -> None:
        self.ledger = Ledger()
        store = cast("JobStore", self.ledger)
        self.leases = LeaseKeeper(store, 15)
        self.left: list[int] = []
        self.gone = threading.Event()
        self.jobs = ExitStack()
        self.shutdown = GracefulShutdown(store, self.leases, patience, leave=self.leave)

    def leave(self, exit_code: int) -> None:
        self.left.append(exit_code)
        self.gone.set()

    def hold(self, *jobs: str) -> None:
        """Jobs that run until the scene ends."""
        for job in jobs:
            self.jobs.enter_context(self.leases.hold(job))

    def work_on(self, job: str, let_go_after: float) -> None:
        """A job that lets go of its lease some time after that was lost."""

        def work() -> None:
            with self.leases.hold(job) as held:
                started.set()
                while self.leases.is_ours(held):
                    time.sleep(0.001)
                time.sleep(let_go_after)
                self.ledger.handed_back.append("let go")

        started = threading.Event()
        threading.Thread(target=work, daemon=True).start()
        assert started.wait(SOON)


def handed_back(caplog: pytest.LogCaptureFixture) -> object:
    """What the line about it tells."""
    (told,) = (each for each in caplog.records if each.getMessage() == "jobs handed back")
    return vars(told)["fields"]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(shutdown_module, "_LET_GO", 0.2)
    monkeypatch.setattr(shutdown_module, "_HAND_BACK", 0.2)
    made = Scene()
    with made.jobs:
        yield made
    made.leases.stop()


def test_what_is_held_is_handed_back_before_the_process_ends(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.hold("a", "b")
    scene.shutdown.go(75)
    assert sorted(scene.ledger.handed_back) == ["a", "b"]
    assert scene.left == [75]
    assert handed_back(caplog) == {"jobs": 2, "held": 2}


def test_job_is_handed_back_only_after_its_request_was_broken_off(scene: Scene) -> None:
    scene.work_on("a", let_go_after=0.1)
    scene.shutdown.go(0)
    assert scene.ledger.handed_back == ["let go", "a"]


def test_job_that_does_not_let_go_is_handed_back_nevertheless(scene: Scene) -> None:
    scene.hold("a")
    began = time.monotonic()
    scene.shutdown.go(0)
    assert time.monotonic() - began >= 0.2
    assert scene.ledger.handed_back == ["a"]


def test_lease_that_was_lost_meanwhile_is_not_counted(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.hold("a")
    scene.ledger.answer = lambda: False
    scene.shutdown.go(0)
    assert handed_back(caplog) == {"jobs": 0, "held": 1}


def test_absent_redis_is_told_and_the_process_ends(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> bool:
        raise LedgerUnavailable("Redis cannot be reached")

    scene.hold("a", "b")
    scene.ledger.answer = refuse
    scene.shutdown.go(0)
    assert scene.left == [0]
    assert "their leases will run out: Redis cannot be reached" in caplog.text


def test_frozen_redis_does_not_keep_the_process(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    thawed = threading.Event()
    scene.hold("a")
    scene.ledger.answer = lambda: thawed.wait(SOON)
    began = time.monotonic()
    scene.shutdown.go(0)
    thawed.set()
    assert time.monotonic() - began < SOON
    assert scene.left == [0]
    assert "jobs not handed back in time" in caplog.text


def test_first_signal_leaves_time_to_finish(scene: Scene) -> None:
    scene.shutdown.on_signal()
    assert not scene.gone.wait(0.1)


def test_time_to_finish_ends(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(patience=0.05)
    scene.shutdown.on_signal("Warm")
    assert scene.gone.wait(SOON)
    assert scene.left == [0]
    assert "the time to finish is over" in caplog.text


@pytest.mark.parametrize("signals", [["Warm", "Warm"], ["Warm", "Cold"], ["Cold"]])
def test_second_signal_or_a_cold_one_ends_it_at_once(scene: Scene, signals: list[Any]) -> None:
    for how in signals:
        scene.shutdown.on_signal(how, sig="SIGTERM")
    assert scene.gone.wait(SOON)
    assert scene.left == [0]


def test_further_signals_change_nothing(scene: Scene) -> None:
    for _ in range(5):
        scene.shutdown.on_signal("Warm")
    assert scene.gone.wait(SOON)
    assert scene.left == [0]


def test_celery_does_not_end_the_process_before_jobs_are_handed_back(scene: Scene) -> None:
    scene.work_on("a", let_go_after=0.1)
    scene.shutdown.on_signal("Cold")
    scene.shutdown.finish()
    assert scene.ledger.handed_back == ["let go", "a"]
    assert scene.left == [0]


def test_process_that_finished_in_time_need_not_wait(scene: Scene) -> None:
    scene.shutdown.on_signal("Warm")
    scene.shutdown.finish()
    assert not scene.left
