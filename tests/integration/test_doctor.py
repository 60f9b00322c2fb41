"""`facelift doctor` on a real Redis, with and without a worker's environment."""

from __future__ import annotations

import json
import os
import socket
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift import UploadClient
from facelift.cli.checks.findings import Verdict
from facelift.cli.exits import Exit
from facelift.cli.group import cli
from facelift.status.worker import WorkerReport
from worker.cli.checks import memory
from worker.settings.load import load
from worker.stores import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from redis import Redis

    from sandbox.redis_server import RedisServer

Verdicts = dict[str, str]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer, real_redis: Redis) -> Any:  # noqa: ARG001 - it empties the server
    """Nothing of ours is set but where Redis is."""
    for name in list(os.environ):
        if name.startswith("FACELIFT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FACELIFT_REDIS_URL", redis_server.url)
    return monkeypatch


@pytest.fixture
def beating(redis_server: RedisServer, environ: Any) -> None:  # noqa: ARG001 - Redis is empty first
    """A worker has sent a heartbeat."""
    with UploadClient(redis_server.url) as client:
        client.ledger.pool.heartbeat(
            WorkerReport(
                name="host:1",
                host="host",
                pid=1,
                version="0.1.0",
                age=9.0,
                poll_age=1.0,
                slots=10,
                busy=0,
            )
        )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Takes connections and says nothing; what was sent to it can be read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


@pytest.fixture
def worker(environ: Any, listener: socket.socket, tmp_path: Path) -> None:
    """A worker's environment, on a folder of pictures and an endpoint that takes connections."""
    environ.setenv("FACELIFT_API_KEY", "canary-key")
    environ.setenv("FACELIFT_IMAGE_STORES", f"media=file://{tmp_path}")
    environ.setenv("FACELIFT_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")


def doctor(*options: str) -> Result:
    said = CliRunner().invoke(cli, ["doctor", *options])
    assert "canary" not in said.output
    return said


def verdicts(said: Result) -> Verdicts:
    return {found["check"]: found["verdict"] for found in json.loads(said.stdout)}


@pytest.mark.usefixtures("beating", "worker")
def test_all_that_deliveries_need_is_checked() -> None:
    said = doctor("--json")
    found = verdicts(said)
    assert found.keys() - {"Limit"} == {
        *("Redis", "Access", "Version", "Mode", "Persistence", "Eviction", "Memory", "Clock"),
        *("Keys", "Workers", "Queue", "Breakers", "Chatbots", "Pauses", "Messages", "Lists"),
        *("Settings", "Endpoint", "Store media"),
    }
    assert {check for check, verdict in found.items() if verdict == "FAIL"} == set()
    assert said.exit_code == 0


@pytest.mark.usefixtures("worker")
def test_the_endpoint_is_connected_to_and_sent_nothing(listener: socket.socket) -> None:
    doctor()
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        assert connection.recv(1) == b""


@pytest.mark.usefixtures("environ")
def test_without_a_worker_a_pool_fails_and_the_rest_is_reported() -> None:
    said = doctor()
    assert said.exit_code == Exit.ERROR
    assert "FAIL  Workers      there is none\n" in said.stdout
    assert "-> start one: facelift worker\n" in said.stdout
    assert "SKIP  Worker       no worker is configured here" in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 80


@pytest.mark.usefixtures("worker")
def test_what_is_wrong_with_a_workers_environment_is_reported(environ: Any, tmp_path: Path) -> None:
    environ.setenv("FACELIFT_IMAGE_STORES", f"gone=file://{tmp_path}/gone,media=file://{tmp_path}")
    environ.setenv("FACELIFT_ENDPOINT_URL", "http://127.0.0.1:1")
    environ.setenv("FACELIFT_RATE_LIMT", "1/1s")
    found = json.loads(doctor("--json").stdout)
    shown = {(each["check"], each["verdict"]): each["message"] for each in found}
    assert shown["Settings", "WARN"] == (
        "FACELIFT_RATE_LIMT is not a setting; did you mean FACELIFT_RATE_LIMIT?"
    )
    assert shown["Endpoint", "FAIL"] == (
        "No connection to 127.0.0.1 could be made: Connection refused."
    )
    assert "cannot be read: No such file" in shown["Store gone", "FAIL"]
    assert shown["Store media", "OK"] == "can be read"


@pytest.mark.usefixtures("worker")
def test_a_store_that_no_longer_answers_is_reported(
    environ: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FolderStore.read

    def after_it_went(store: FolderStore, path: str, limit: int) -> bytes:
        store._root.rmdir()
        return read(store, path, limit)

    monkeypatch.setattr(FolderStore, "read", after_it_went)
    found = json.loads(doctor("--json").stdout)
    assert [each["message"] for each in found if each["check"] == "Store media"] == [
        "The image store is not available; its folder cannot be opened: No such file or directory."
    ]
    assert environ


@pytest.mark.usefixtures("worker")
def test_every_wrong_setting_of_a_worker_is_reported(environ: Any) -> None:
    environ.setenv("FACELIFT_LEASE", "soon")
    environ.setenv("FACELIFT_MAX_ATTEMPTS", "many")
    found = json.loads(doctor("--json").stdout)
    shown = [each["message"] for each in found if each["verdict"] == "FAIL"]
    assert [sentence.split()[0] for sentence in shown] == [
        "there",
        "FACELIFT_MAX_ATTEMPTS",
        "FACELIFT_LEASE",
    ]


def test_a_redis_that_is_away_has_an_exit_code_of_its_own(environ: Any) -> None:
    environ.setenv("FACELIFT_REDIS_URL", "redis://127.0.0.1:1/0")
    said = doctor("--json")
    assert said.exit_code == Exit.NO_REDIS
    assert verdicts(said) == {"Redis": "FAIL", "Worker": "SKIP"}


@pytest.mark.usefixtures("beating")
def test_key_of_a_wrong_type_is_named(real_redis: Redis) -> None:
    real_redis.sadd("{facelift}:events", "not ours")
    said = doctor()
    assert said.exit_code == Exit.ERROR
    assert "FAIL  Keys         {facelift}:events holds a set, not a list" in said.stdout


def test_a_redis_that_does_not_know_us_is_reported(environ: Any, redis_server: RedisServer) -> None:
    environ.setenv("FACELIFT_REDIS_URL", redis_server.url.replace("//", "//nobody:canary@"))
    said = doctor()
    assert said.exit_code == Exit.NO_REDIS
    assert "-> correct user and password in FACELIFT_REDIS_URL" in said.stdout


def test_credentials_that_may_not_ask_how_redis_is_set_up_are_reported(
    environ: Any, redis_server: RedisServer, real_redis: Any
) -> None:
    real_redis.acl_setuser(
        "producer", enabled=True, passwords=["+p"], keys=["*"], commands=["+@all", "-info"]
    )
    environ.setenv("FACELIFT_REDIS_URL", redis_server.url.replace("//", "//producer:p@"))
    try:
        found = verdicts(doctor("--json"))
    finally:
        real_redis.acl_deluser("producer")
    assert (found["Redis"], found["Set-up"]) == ("OK", "WARN")
    assert "Breakers" in found


@pytest.mark.usefixtures("environ")
def test_without_the_worker_installed_its_checks_are_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_: EntryPoint) -> Callable[[], None]:
        raise ModuleNotFoundError("No module named 'pydantic'", name="pydantic")

    monkeypatch.setattr(EntryPoint, "load", missing)
    said = doctor()
    assert "SKIP  Worker       what it needs is not installed here" in said.stdout


def test_a_wrong_setting_of_a_producer_is_reported(environ: Any) -> None:
    environ.setenv("FACELIFT_DEADLINE", "soon")
    assert verdicts(doctor("--json")) == {"Settings": "FAIL", "Worker": "SKIP"}


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        ("max", None),
        ("9223372036854771712", None),
        (str(1024 * 2**20), Verdict.OK),
        (str(512 * 2**20), Verdict.WARN),
    ],
)
def test_memory_limit_below_the_peak_of_a_worker_is_named(
    tmp_path: Path, limit: str, verdict: Verdict | None
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(f"{limit}\n")
    settings = load({"FACELIFT_API_KEY": "key", "FACELIFT_IMAGE_STORES": "media=file:///srv"})
    found = [each.verdict for each in memory(settings, [tmp_path / "none", file])]
    assert found == ([verdict] if verdict else [])
    assert list(memory(settings, [tmp_path / "none"])) == []
