"""The supervisor's port: metrics and health, whatever Redis and the processes do."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from fakeredis import FakeRedis
from prometheus_client.parser import text_string_to_metric_families

from facelift.errors import InvalidSettings, LedgerRefused, LedgerUnavailable
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.store import JobStore
from facelift.status.worker import WorkerReport
from sandbox.redis_server import free_port
from worker.monitoring.collectors import PoolCollector, SupervisorCollector
from worker.monitoring.health import Child, HealthCheck
from worker.monitoring.processes import mark_processes, process_name
from worker.monitoring.server import serving
from worker.runtime.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "host-1"


class Gone:
    """A ledger whose Redis does not serve."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.pool = self

    def ping(self) -> None:
        raise self.error

    def snapshot(self, **_: object) -> None:
        raise self.error


class Scene:
    """Two processes, their ledger, and the clocks of both."""

    def __init__(self, redis: Any) -> None:
        self.now = 1_764_000_000.0
        self.up = 1000.0
        self.store = JobStore(redis, now=lambda: self.now)
        self.children = [Child(7, 500.0), Child(8, 500.0)]
        self.health = HealthCheck(
            self.store, lambda pid: f"{HOST}:{pid}-a1", lambda: self.children, 2, lambda: self.up
        )

    def heartbeat(
        self,
        pid: int,
        *,
        host: str = HOST,
        mark: str = "a1",
        poll_age: float = 1.0,
        busy: int = 0,
        stalled: float = 0.0,
    ) -> None:
        name = f"{host}:{pid}-{mark}"
        report = {"age": 500.0, "poll_age": poll_age, "slots": 10, "busy": busy, "version": "1"}
        report |= {"stalled": stalled, "patience": 60.0}
        self.store.pool.heartbeat(WorkerReport(name=name, host=host, pid=pid, **report))  # type: ignore[arg-type] # as they are

    def after_grace(self) -> Scene:
        self.up += 61
        return self


@pytest.fixture
def scene() -> Iterator[Scene]:
    with FakeRedis(decode_responses=True) as redis:
        yield Scene(redis)


def test_worker_is_ready_once_all_its_processes_consume(scene: Scene) -> None:
    scene.heartbeat(7)
    assert scene.health.ready() == (False, "process 8: no heartbeat")
    scene.heartbeat(8, host="host-2")
    assert not scene.health.ready().is_healthy
    scene.heartbeat(8, busy=10, poll_age=100)
    assert scene.health.ready() == (True, "consuming")


def test_worker_is_not_judged_by_another_of_the_same_host_and_process_id(scene: Scene) -> None:
    for pid in (7, 8):
        scene.heartbeat(pid, mark="b2")
    assert scene.health.ready() == (False, "process 7: no heartbeat")
    for pid in (7, 8):
        scene.heartbeat(pid)
        scene.heartbeat(pid, mark="b2", poll_age=100)
    assert scene.health.ready() == (True, "consuming")
    assert len(scene.store.pool.snapshot().workers) == 4


def test_supervisors_give_processes_names_that_no_other_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = set()
    for _ in range(3):
        monkeypatch.delenv("FACELIFT_WORKER_MARK", raising=False)
        mark_processes()
        names |= {process_name("host", pid) for pid in (1, 2, 1)}
    assert len(names) == 6
    assert {name.partition("-")[0] for name in names} == {"host:1", "host:2"}


def test_worker_is_not_ready_while_a_process_is_missing(scene: Scene) -> None:
    scene.heartbeat(7)
    scene.children.pop()
    assert scene.health.ready() == (False, "1 of 2 processes run")


def test_process_that_does_not_consume_needs_a_restart(scene: Scene) -> None:
    scene.after_grace()
    scene.heartbeat(7)
    scene.heartbeat(8)
    assert scene.health.live() == (True, "consuming")
    scene.heartbeat(8, poll_age=30)
    expected = "process 8: has room, but asked for no job for 30 s"
    assert scene.health.live() == scene.health.ready() == (False, expected)


def test_process_whose_slots_are_all_stuck_needs_a_restart(scene: Scene) -> None:
    scene.after_grace()
    scene.heartbeat(7)
    scene.heartbeat(8, busy=10, poll_age=70, stalled=59)
    assert scene.health.live() == (True, "consuming")
    scene.heartbeat(8, busy=10, poll_age=70, stalled=61)
    expected = "process 8: all 10 slots are busy, and no job ended for 61 s"
    assert scene.health.live() == scene.health.ready() == (False, expected)


def test_young_process_has_time_to_start(scene: Scene) -> None:
    scene.after_grace()
    scene.heartbeat(7)
    scene.children[1] = Child(8, 59.0)
    assert scene.health.live().is_healthy
    scene.children[1] = Child(8, 60.0)
    assert scene.health.live() == (False, "process 8: no heartbeat")


@pytest.mark.parametrize("error", [LedgerUnavailable("gone"), LedgerRefused("full")])
def test_unavailable_redis_is_no_reason_for_a_restart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    scene.after_grace()
    assert not scene.health.live().is_healthy
    with monkeypatch.context() as patched:
        patched.setattr(scene.health, "_store", Gone(error))
        assert scene.health.live() == (True, f"a restart would not help: {error}")
        assert scene.health.ready() == (False, str(error))
    scene.up += 59
    assert scene.health.live().is_healthy, "processes have a minute to come back"
    scene.up += 1
    assert not scene.health.live().is_healthy


@pytest.fixture
def port(scene: Scene) -> Iterator[int]:
    supervisor = Supervisor(["true"], 2, 1.0)
    collectors = (
        SupervisorCollector(
            lambda: supervisor.running, supervisor.wanted, lambda: supervisor.restarts, "1.2.3"
        ),
        PoolCollector(scene.store.pool),
    )
    number = free_port()
    with serving("127.0.0.1", number, collectors, scene.health):
        yield number


def get(port: int, path: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=10)


def values(port: int) -> dict[str, float]:
    families = text_string_to_metric_families(get(port, "/metrics").text)
    return {
        "/".join([each.name, *each.labels.values()]): each.value
        for family in families
        for each in family.samples
    }


def test_health_is_answered_by_status_and_sentence(port: int, scene: Scene) -> None:
    ready = get(port, "/readyz")
    assert (ready.status_code, ready.text) == (503, "process 7: no heartbeat\n")
    scene.heartbeat(7)
    scene.heartbeat(8)
    assert get(port, "/readyz?verbose").status_code == 200
    assert get(port, "/livez").status_code == 200
    assert get(port, "/").text == "There are /metrics, /livez, /readyz.\n"


def test_pool_metrics_show_its_state(port: int, scene: Scene) -> None:
    scene.heartbeat(7)
    scene.heartbeat(8, poll_age=30)
    scene.store.pool.register(BreakerPolicy(), [Registration("shop", None, "fingerprint")])
    for account in ("shop", "nobody"):
        scene.store.pool.pause(account, by="ana", reason="", until=None)
    found = values(port)
    assert found["facelift_redis_up"] == 1
    assert found["facelift_pool_workers"] == 2
    assert found["facelift_pool_consuming_workers"] == 1
    assert found["facelift_pool_account_paused/shop"] == 1
    assert found["facelift_pool_account_breaker_open/shop"] == 0
    assert found["facelift_pool_account_failing_chatbots/shop"] == 0
    assert not [name for name in found if name.endswith("/nobody")]
    assert found["facelift_pool_breaker/closed"] == 1
    assert found["facelift_pool_breaker/open"] == 0
    assert found["facelift_pool_jobs_ended_total/delivered"] == 0
    assert found["facelift_worker_processes_wanted"] == 2
    assert found["facelift_info/1.2.3"] == 1


def test_unavailable_redis_fails_no_scrape(
    port: int, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.store.pool, "snapshot", Gone(LedgerUnavailable("gone")).snapshot)
    found = values(port)
    assert found["facelift_redis_up"] == 0
    assert found["facelift_worker_processes_wanted"] == 2
    assert not [name for name in found if name.startswith("facelift_pool_")]


def test_defect_in_a_scrape_is_logged(
    port: int, scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scene.store.pool, "snapshot", Gone(ZeroDivisionError("defect")).snapshot)
    with pytest.raises(requests.ConnectionError):
        get(port, "/metrics")
    assert "ZeroDivisionError: defect" in caplog.text


def test_port_that_is_taken_is_reported_by_its_setting(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        expected = rf"FACELIFT_METRICS_PORT {taken} cannot be listened on at 127\.0\.0\.1: Address"
        with (
            pytest.raises(InvalidSettings, match=expected),
            serving("127.0.0.1", taken, (), scene.health),
        ):
            pass


def test_its_thread_ends_with_it(scene: Scene) -> None:
    before = threading.active_count()
    with serving("127.0.0.1", free_port(), (), scene.health):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
