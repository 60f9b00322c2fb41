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
        self.released: list[str] = []
        self.answer: Callable[[], bool] = lambda: True

    def renew(self, _leases: list[Lease], _seconds: float) -> list[Lease]:
        return []

    def release(self, lease: Lease) -> bool:
        self.released.append(lease.job_id)
        return self.answer()


class Scene:
    """A process that runs jobs; `exits` holds its exit codes."""

    def __init__(self, drain_seconds: float = 60) -> None:
        self.ledger = Ledger()
        store = cast("JobStore", self.ledger)
        self.leases = LeaseKeeper(store, 15)
        self.exits: list[int] = []
        self.exited = threading.Event()
        self.jobs = ExitStack()
        self.announced, self.is_cut_off = threading.Event(), False
        self.shutdown = GracefulShutdown(
            store,
            self.leases,
            drain_seconds,
            announce=self.announce,
            exit_process=self.exit_process,
        )

    def announce(self) -> None:
        if self.is_cut_off:
            raise LedgerUnavailable("Redis is gone")
        self.announced.set()

    def exit_process(self, exit_code: int) -> None:
        self.exits.append(exit_code)
        self.exited.set()

    def hold(self, *jobs: str) -> None:
        """Jobs that run until the scene ends."""
        for job in jobs:
            self.jobs.enter_context(self.leases.hold(job))

    def work_on(self, job: str, stops_after: float) -> None:
        """A job that stops some time after its lease was lost."""

        def work() -> None:
            with self.leases.hold(job) as held:
                started.set()
                while self.leases.is_ours(held):
                    time.sleep(0.001)
                time.sleep(stops_after)
                self.ledger.released.append("stopped")

        started = threading.Event()
        threading.Thread(target=work, daemon=True).start()
        assert started.wait(SOON)


def release_fields(caplog: pytest.LogCaptureFixture) -> object:
    """The fields of the line about it."""
    (line,) = (each for each in caplog.records if each.getMessage() == "jobs released")
    return vars(line)["fields"]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(shutdown_module, "_ABORT_SECONDS", 0.2)
    monkeypatch.setattr(shutdown_module, "_RELEASE_SECONDS", 0.2)
    made = Scene()
    with made.jobs:
        yield made
    made.leases.stop()


def test_held_leases_are_released_before_the_process_ends(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.hold("a", "b")
    scene.shutdown.exit_now(75)
    assert sorted(scene.ledger.released) == ["a", "b"]
    assert scene.exits == [75]
    assert release_fields(caplog) == {"jobs": 2, "held": 2}


def test_lease_is_released_only_after_its_request_was_aborted(scene: Scene) -> None:
    scene.work_on("a", stops_after=0.1)
    scene.shutdown.exit_now(0)
    assert scene.ledger.released == ["stopped", "a"]


def test_lease_of_a_job_that_does_not_stop_is_released_too(scene: Scene) -> None:
    scene.hold("a")
    began = time.monotonic()
    scene.shutdown.exit_now(0)
    assert time.monotonic() - began >= 0.2
    assert scene.ledger.released == ["a"]


def test_lease_that_was_lost_meanwhile_is_not_counted(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.hold("a")
    scene.ledger.answer = lambda: False
    scene.shutdown.exit_now(0)
    assert release_fields(caplog) == {"jobs": 0, "held": 1}


def test_unavailable_redis_is_logged_and_the_process_ends(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> bool:
        raise LedgerUnavailable("Redis cannot be reached")

    scene.hold("a", "b")
    scene.ledger.answer = refuse
    scene.shutdown.exit_now(0)
    assert scene.exits == [0]
    assert "their leases will expire: Redis cannot be reached" in caplog.text


def test_frozen_redis_does_not_delay_the_exit(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    thawed = threading.Event()
    scene.hold("a")
    scene.ledger.answer = lambda: thawed.wait(SOON)
    began = time.monotonic()
    scene.shutdown.exit_now(0)
    thawed.set()
    assert time.monotonic() - began < SOON
    assert scene.exits == [0]
    assert "jobs not released in time" in caplog.text


def test_first_signal_leaves_time_to_drain(scene: Scene) -> None:
    scene.shutdown.on_signal()
    assert not scene.exited.wait(0.1)


def test_time_to_drain_ends(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(drain_seconds=0.05)
    scene.shutdown.on_signal("Warm")
    assert scene.exited.wait(SOON)
    assert scene.exits == [0]
    assert "the time to drain is over" in caplog.text


@pytest.mark.parametrize("signals", [["Warm", "Warm"], ["Warm", "Cold"], ["Cold"]])
def test_second_signal_or_a_cold_one_ends_it_at_once(scene: Scene, signals: list[Any]) -> None:
    for how in signals:
        scene.shutdown.on_signal(how, sig="SIGTERM")
    assert scene.exited.wait(SOON)
    assert scene.exits == [0]


def test_further_signals_change_nothing(scene: Scene) -> None:
    for _ in range(5):
        scene.shutdown.on_signal("Warm")
    assert scene.exited.wait(SOON)
    assert scene.exits == [0]


def test_celery_does_not_end_the_process_before_leases_are_released(scene: Scene) -> None:
    scene.work_on("a", stops_after=0.1)
    scene.shutdown.on_signal("Cold")
    scene.shutdown.wait()
    assert scene.ledger.released == ["stopped", "a"]
    assert scene.exits == [0]


def test_process_that_drained_in_time_need_not_wait(scene: Scene) -> None:
    scene.shutdown.on_signal("Warm")
    scene.shutdown.wait()
    assert not scene.exits


def test_it_is_announced_as_soon_as_it_begins(scene: Scene) -> None:
    scene.shutdown.on_signal()
    assert scene.announced.wait(SOON)
    assert not scene.exits


def test_redis_that_is_gone_does_not_keep_it_from_draining(scene: Scene) -> None:
    scene.is_cut_off = True
    scene.shutdown.on_signal("Cold")
    assert scene.exited.wait(SOON)
