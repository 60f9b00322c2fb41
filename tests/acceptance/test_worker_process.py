"""The worker as a process: how it starts, stops and dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from facelift import UploadClient
from sandbox.redis_server import RedisServer
from tests.acceptance.world import CANARY, COMMAND, eventually, worker

if TYPE_CHECKING:
    from sandbox.endpoint.process import EndpointProcess

CELERY = (sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--loglevel=info")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "FACELIFT" not in name}
    return subprocess.run(
        arguments,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_plain_celery_command_starts_the_same_worker(
    endpoint: EndpointProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {"FACELIFT_KEY_PREFIX": "plain"}
    with worker(tmp_path / "log", environment, CELERY) as process:
        done = run(
            sys.executable,
            *("-m", "facelift.cli", "enqueue", "bot-plain", "media:good.png", "--wait"),
            **environment,
        )
        assert done.returncode == 0, done.stderr + process.log
    assert endpoint.image("bot-plain")


def test_modules_in_the_current_folder_are_not_imported(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for name in ("tasks", "monitor", "sandbox"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the project')")
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").write_text("raise SystemExit('a module of the project')")
    command = (str(Path(sys.executable).with_name("facelift")), "worker")
    environment = environment | {"FACELIFT_KEY_PREFIX": "folder"}
    with worker(tmp_path / "log", environment, command, tmp_path) as process:
        assert "a module of the project" not in process.log
        assert process.stop() == 0


def test_all_invalid_settings_are_reported_together(tmp_path: Path) -> None:
    for command in (COMMAND, CELERY):
        done = run(
            *command,
            FACELIFT_IMAGE_STORES=f"media=file://{tmp_path}/missing",
            FACELIFT_API_KEY=CANARY,
        )
        assert done.returncode == 2
        assert "FACELIFT_IMAGE_STORES" in done.stderr
        done = run(*command, FACELIFT_MAX_ATTEMPTS="many", FACELIFT_LEASE="1s")
        assert done.returncode == 2
        reported = [line for line in done.stderr.splitlines() if line.startswith("facelift: ")]
        assert [line.split()[1] for line in reported] == [
            "FACELIFT_API_KEY",
            "FACELIFT_IMAGE_STORES",
            "FACELIFT_MAX_ATTEMPTS",
            "FACELIFT_LEASE",
        ]
        assert "Traceback" not in done.stderr


def test_certificates_that_cannot_be_read_are_named_at_the_start(tmp_path: Path) -> None:
    done = run(
        *COMMAND,
        FACELIFT_IMAGE_STORES=f"media=file://{tmp_path}",
        FACELIFT_API_KEY=CANARY,
        REQUESTS_CA_BUNDLE=f"{tmp_path}/missing.pem",
    )
    assert done.returncode == 2
    assert "certificates that REQUESTS_CA_BUNDLE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.nightly  # the format has unit tests
def test_every_line_is_an_object_from_start_to_end_if_that_is_wanted(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {"FACELIFT_KEY_PREFIX": "lines", "FACELIFT_LOG_FORMAT": "json"}
    with worker(tmp_path / "log", environment) as process:
        (child,) = process.children
        child.kill()
        eventually(lambda: process.log.count("ready:") == 2, "no other process starts")
    messages = [json.loads(line)["message"] for line in process.log.splitlines()]
    assert "worker process ended; another starts" in messages
    assert "worker: Warm shutdown (MainProcess)" in messages


def test_sigterm_finishes_what_is_in_flight(
    endpoint: EndpointProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    # A ledger of its own: a worker that other tests share would take the job instead.
    environment = environment | {"FACELIFT_KEY_PREFIX": "complete"}
    endpoint.add_rule("bot-slow", "delay", seconds=1)
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="complete") as client,
        worker(tmp_path / "log", environment) as process,
    ):
        job = client.enqueue("bot-slow", "media:good.png")
        eventually(lambda: client.status(job.id).state == "running", "the job is not taken")
        assert process.stop() == 0
        record = client.status(job.id)
        assert (record.outcome, record.lost_leases) == ("delivered", 0)


def test_signals_that_come_until_the_very_end_change_no_exit_code(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {"FACELIFT_KEY_PREFIX": "hasty"}
    with worker(tmp_path / "log", environment) as process:
        while process.process.poll() is None:
            process.process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
    assert process.process.returncode == 0


def test_job_of_a_killed_worker_runs_again_elsewhere_within_twice_its_lease(
    endpoint: EndpointProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {
        "FACELIFT_KEY_PREFIX": "kill",
        "FACELIFT_READ_TIMEOUT": "20s",
        "FACELIFT_REQUEST_TIMEOUT": "20s",
        "FACELIFT_LEASE": "10s",
    }
    endpoint.add_rule("bot-kill", "delay", seconds=15, times=1)  # it cannot end before the kill
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="kill") as client,
        worker(tmp_path / "first", environment) as first,
        worker(tmp_path / "second", environment) as second,
    ):
        job = client.enqueue("bot-kill", "media:good.png")
        eventually(endpoint.arrivals, "the job is not taken")
        pid = str(client.status(job.id).worker).rsplit(":", 1)[1].partition("-")[0]
        holder = first if int(pid) in {child.pid for child in first.children} else second
        holder.kill()
        killed = time.monotonic()
        record = client.wait(job.id, 30)
    assert time.monotonic() - killed < 20
    assert (record.outcome, record.lost_leases) == ("delivered", 1)
    assert [each.code for each in record.attempts] == ["worker_lost", "delivered"]


@pytest.mark.nightly  # the chaos run kills workers of waiting jobs every time
def test_waiting_job_outlives_its_worker(
    endpoint: EndpointProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {
        "FACELIFT_BACKOFF_BASE": "1h",
        "FACELIFT_BACKOFF_CAP": "1h",
        "FACELIFT_KEY_PREFIX": "outlive",
    }
    endpoint.add_rule("bot-wait", "status", status=429, times=1, headers={"Retry-After": "2"})
    with UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="outlive") as client:
        with worker(tmp_path / "first", environment | {"FACELIFT_BACKOFF_BASE": "1ms"}) as first:
            job = client.enqueue("bot-wait", "media:good.png")
            eventually(lambda: client.status(job.id).state == "waiting", "it does not wait")
            first.kill()
        with worker(tmp_path / "second", environment):
            assert client.wait(job.id, 20).outcome == "delivered"


def test_second_sigterm_hands_back_at_once(
    endpoint: EndpointProcess,
    environment: dict[str, str],
    traced: dict[str, str],
    tmp_path: Path,
) -> None:
    environment = (
        environment
        | traced
        | {
            "FACELIFT_KEY_PREFIX": "back",
            "FACELIFT_READ_TIMEOUT": "20s",
            "FACELIFT_REQUEST_TIMEOUT": "20s",
            "FACELIFT_LEASE": "15s",
        }
    )
    endpoint.add_rule("bot-back", "delay", seconds=15, times=1)
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="back") as client,
        worker(tmp_path / "log", environment) as process,
    ):
        job = client.enqueue("bot-back", "media:good.png")
        eventually(lambda: client.status(job.id).state == "running", "the job is not taken")
        process.process.send_signal(signal.SIGTERM)
        eventually(lambda: "Warm shutdown" in process.log, "the first signal does nothing")
        asked = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - asked < 6
        record = client.status(job.id)
        assert (record.state, record.lost_leases, record.attempts_used) == ("queued", 0, 0)


def test_killed_worker_process_is_replaced(
    environment: dict[str, str], traced: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | traced | {"FACELIFT_KEY_PREFIX": "replace"}
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="replace") as client,
        worker(tmp_path / "log", environment) as process,
    ):
        (child,) = process.children
        child.kill()
        job = client.enqueue("bot-replace", "media:good.png")
        assert client.wait(job.id, 30).outcome == "delivered"
        assert "another starts" in process.log


def test_worker_process_ends_when_its_supervisor_is_gone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with worker(tmp_path / "log", environment) as process:
        (child,) = process.children
        process.process.kill()
        child.wait(15)


@pytest.mark.nightly  # retention has tests of the ledger
def test_ended_record_is_kept_as_long_as_the_settings_say(
    ledger_redis: RedisServer, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {
        "FACELIFT_KEY_PREFIX": "keep",
        "FACELIFT_KEEP_SUCCEEDED": "10min",
        "FACELIFT_KEEP_FAILED": "100d",
    }
    with (
        UploadClient(ledger_redis.url, key_prefix="keep") as client,
        Redis.from_url(ledger_redis.url) as redis,
        worker(tmp_path / "log", environment),
    ):
        ttl = {}
        for image in ("media:good.png", "media:missing.png"):
            record = client.wait(client.enqueue("bot-keep", image).id, 20)
            ttl[str(record.state)] = redis.ttl(f"{{keep}}:job:{record.id}")
    assert 590 < ttl["succeeded"] <= 600
    assert 99 * 86_400 < ttl["failed"] <= 100 * 86_400


@pytest.mark.nightly  # test_neighbours.py reaches it by one every time
def test_worker_reaches_redis_by_its_socket(
    redis_binary: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    path = f"/tmp/facelift-{os.getpid()}.sock"  # noqa: S108 - a socket's path must be short
    with RedisServer(
        tmp_path / "redis", binary=redis_binary, arguments=("--unixsocket", path)
    ) as server:
        url = f"unix://{path}?db=3"
        with (
            UploadClient(url) as client,
            worker(tmp_path / "log", environment | {"FACELIFT_REDIS_URL": url}),
        ):
            job = client.enqueue("bot-socket", "media:good.png")
            assert client.wait(job.id, 30).outcome == "delivered"
        assert server.pid
