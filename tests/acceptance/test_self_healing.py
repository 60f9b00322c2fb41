"""Workers consume again by themselves whatever Redis went through, and lose nothing meanwhile.

How a process is ended and replaced that cannot is here too.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from facelift import UploadClient
from facelift.ledger.keys import Keys
from sandbox.redis_server import RedisServer
from tests.acceptance.world import COMMAND, WorkerProcess, eventually, worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess

RECOVERY = 30.0
PROCESSES = 2
IN_FLIGHT = 12


class Outage:
    """A Redis of its own, the workers on it, and what they say about its absence."""

    def __init__(self, server: RedisServer, redis: Redis, workers: WorkerProcess) -> None:
        self.server = server
        self.redis = redis
        self.workers = workers
        self.client = UploadClient(server.url)
        self.accepted: dict[str, list[str]] = {}
        self._heard = 0

    @property
    def log(self) -> str:
        """What was logged since `listen`."""
        return self.workers.log[self._heard :]

    def listen(self) -> None:
        self._heard = len(self.workers.log)

    def enqueue(self, name: str, jobs: int = IN_FLIGHT) -> list[str]:
        ids = [self.client.enqueue(f"{name}-{n}", "media:good.png").id for n in range(jobs)]
        self.accepted[name] = ids
        return ids

    def until_in_flight(self, jobs: list[str]) -> None:
        # Mostly all of them at once, but where they begin slowly the first may be over by then.
        eventually(
            lambda: any(self.client.status(job).state == "running" for job in jobs),
            "no job is in flight",
        )

    def pollers(self) -> set[int]:
        """The processes whose connection waits on the queue."""
        ports = {
            int(str(client["addr"]).rpartition(":")[2])
            for client in self.redis.client_list()
            if client["cmd"] == "brpop"
        }
        return {
            process.pid
            for process in self.workers.children
            if ports & {each.laddr.port for each in process.net_connections("tcp")}
        }

    def outcomes(self, jobs: list[str], timeout: float) -> set[str]:
        records = [self.client.wait(job, timeout) for job in jobs]
        codes = {attempt.code for record in records for attempt in record.attempts}
        assert codes <= {"delivered", "worker_lost"}, codes  # a fault of Redis costs no attempt
        # Nor is it taken for a job's crash: three would fail it. On a slow machine a process may be
        # silent for so long that one job is charged once.
        assert max(record.crashes for record in records) <= 1
        return {str(record.outcome) for record in records}


@pytest.fixture(scope="module")
def world(
    redis_binary: Path,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Outage]:
    folder = tmp_path_factory.mktemp("healing")
    command = (*COMMAND, "--processes", str(PROCESSES))
    with RedisServer(folder / "redis", binary=redis_binary) as server:
        settings = environment | {"FACELIFT_REDIS_URL": server.url}
        with (
            Redis.from_url(server.url, decode_responses=True) as redis,
            worker(folder / "log", settings, command) as workers,
        ):
            outage = Outage(server, redis, workers)
            with outage.client:
                yield outage
                # Here, since a lost message is sent again after 10 s: once for all faults.
                for name, jobs in outage.accepted.items():
                    assert outage.outcomes(jobs, RECOVERY) == {"delivered"}, name


@pytest.fixture
def outage(world: Outage, endpoint: EndpointProcess) -> Outage:
    """All workers consume, and each upload takes long enough to be caught in flight."""
    endpoint.add_rule("*", "delay", seconds=0.5)
    everybody = {process.pid for process in world.workers.children}
    eventually(lambda: world.pollers() == everybody, "not all workers consume")
    world.listen()
    return world


def restart(outage: Outage) -> None:
    outage.server.kill()
    time.sleep(1)
    outage.server.start()


def drop_every_connection(outage: Outage) -> None:
    outage.redis.client_kill_filter(_type="normal", skipme=True)


def demote(outage: Outage) -> None:
    outage.redis.replicaof("127.0.0.1", "1")
    time.sleep(8)
    outage.redis.replicaof("NO", "ONE")


def freeze(outage: Outage) -> None:
    outage.server.pause()
    time.sleep(12)
    outage.server.resume()


def fill_up(outage: Outage) -> None:
    outage.redis.config_set("maxmemory", "1")
    time.sleep(4)
    outage.redis.config_set("maxmemory", "0")


def change_the_password(outage: Outage) -> None:
    outage.redis.config_set("requirepass", "rotated")
    drop_every_connection(outage)
    time.sleep(4)
    outage.redis.auth("rotated")
    outage.redis.config_set("requirepass", "")


def forget_the_scripts(outage: Outage) -> None:
    for _ in range(10):
        outage.redis.script_flush()
        time.sleep(0.05)


def put_another_type_in_the_queues_place(outage: Outage) -> None:
    queue = Keys().queue
    outage.redis.set(queue, "not a list")
    time.sleep(3)
    outage.redis.delete(queue)


def put_another_type_in_the_schedules_place(outage: Outage) -> None:
    schedule = Keys().schedule
    with outage.redis.pipeline() as together:  # or what is entered in between would be lost
        together.rename(schedule, "kept")
        together.set(schedule, "not a sorted set")
        together.execute()
    time.sleep(3)
    outage.redis.rename("kept", schedule)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (restart, "Connection refused"),
        (drop_every_connection, ""),  # the next command connects again
        pytest.param(demote, "read only replica", marks=pytest.mark.nightly),
        (freeze, ""),
        (fill_up, "Redis is full"),
        (change_the_password, "refuses these credentials"),
        pytest.param(forget_the_scripts, "", marks=pytest.mark.nightly),
        pytest.param(put_another_type_in_the_queues_place, "WRONGTYPE", marks=pytest.mark.nightly),
        (put_another_type_in_the_schedules_place, "WRONGTYPE"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_after_a_fault_of_redis_all_workers_consume_again_and_nothing_is_lost(
    outage: Outage, fault: Callable[[Outage], None], expected: str
) -> None:
    before = {process.pid for process in outage.workers.children}
    in_flight = outage.enqueue(f"flight-{fault.__name__}")
    outage.until_in_flight(in_flight)
    outage.enqueue(f"queued-{fault.__name__}", 40)
    fault(outage)
    over = time.monotonic()
    eventually(
        lambda: outage.pollers() == before, f"not all workers consume: {outage.log}", RECOVERY
    )
    later = outage.enqueue(f"later-{fault.__name__}", 4)
    assert outage.outcomes(later, RECOVERY - (time.monotonic() - over)) == {"delivered"}
    # By themselves: no process was ended for it.
    assert {process.pid for process in outage.workers.children} == before
    # Who was just waiting for a job notices a moment later.
    eventually(lambda: expected in outage.log, f"not logged: {expected}; {outage.log}", RECOVERY)
    assert "Traceback" not in outage.log
    assert len(outage.log.splitlines()) < 250


DEAFNESS = """
import os, pathlib
from kombu.transport.redis import Channel

ask = Channel._brpop_start
deaf = pathlib.Path(__file__).with_name("deaf")

def ask_unless_deaf(self, *arguments, **options):
    if not deaf.exists() or deaf.read_text() != str(os.getpid()):
        ask(self, *arguments, **options)

Channel._brpop_start = ask_unless_deaf
"""


@pytest.mark.nightly  # the watchdog has unit tests
def test_process_that_consumes_nothing_is_ended_with_a_clear_line_and_replaced(
    environment: dict[str, str], endpoint: EndpointProcess, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(DEAFNESS)
    environment = environment | {
        "FACELIFT_KEY_PREFIX": "deaf",
        "PYTHONPATH": str(tmp_path),
        "FACELIFT_REQUEST_TIMEOUT": "40s",
        "FACELIFT_READ_TIMEOUT": "40s",
        "FACELIFT_LEASE": "1h",  # or it would not need to hand anything back
    }
    endpoint.add_rule("held", "delay", seconds=30, times=1)
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="deaf") as client,
        worker(tmp_path / "log", environment) as process,
    ):
        (child,) = process.children
        held = client.enqueue("held", "media:good.png")
        eventually(lambda: client.status(held.id).state == "running", "the job is not taken")
        (tmp_path / "deaf").write_text(str(child.pid))
        job = client.enqueue("waits", "media:good.png")
        assert client.wait(job.id, RECOVERY).outcome == "delivered"
        record = client.wait(held.id, RECOVERY)
        assert (record.outcome, record.lost_leases) == ("delivered", 0)
        assert "stuck: Redis is healthy, but for 1" in process.log
        assert f"another starts child={child.pid} exit_code=75 pause=1.000" in process.log
        assert "Traceback" not in process.log


@pytest.mark.nightly  # a changed one is in every run
def test_wrong_password_is_logged_and_retried_until_it_is_right(
    redis_binary: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with RedisServer(binary=redis_binary, password="right") as server:
        wrong = server.url.replace("right", "wr0ng-canary")
        settings = os.environ | environment | {"FACELIFT_REDIS_URL": wrong}
        process = WorkerProcess(COMMAND, settings, tmp_path / "log")
        try:
            eventually(lambda: process.log.count("invalid username-password") > 1, "not logged")
            assert process.process.poll() is None
            with Redis.from_url(server.url) as redis:
                redis.config_set("requirepass", "wr0ng-canary")
            process.wait_until_ready()
        finally:
            process.stop()
        assert "Traceback" not in process.log
        assert "wr0ng-canary" not in process.log


def test_sigterm_ends_a_worker_in_time_though_redis_is_frozen(
    redis_binary: Path, environment: dict[str, str], endpoint: EndpointProcess, tmp_path: Path
) -> None:
    endpoint.add_rule("held", "delay", seconds=30, times=1)
    with RedisServer(binary=redis_binary) as server:
        settings = environment | {
            "FACELIFT_REDIS_URL": server.url,
            "FACELIFT_LEASE": "1h",
            "FACELIFT_CONNECT_TIMEOUT": "500ms",
            "FACELIFT_READ_TIMEOUT": "500ms",
            "FACELIFT_REQUEST_TIMEOUT": "500ms",
        }
        with (
            UploadClient(server.url) as client,
            worker(tmp_path / "log", settings) as process,
        ):
            job = client.enqueue("held", "media:good.png")
            eventually(lambda: client.status(job.id).state == "running", "the job is not taken")
            server.pause()
            asked = time.monotonic()
            assert process.stop() == 0
            # The request's limit, 5 s to record its result, 2 s to abort it and 5 s
            # to hand it back; it would be killed after 15.5 s.
            assert time.monotonic() - asked < 15.5
            assert "Traceback" not in process.log
