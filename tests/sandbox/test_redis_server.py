from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from sandbox import redis_server
from sandbox.redis_server import RedisServer, RedisServerFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server(redis_binary: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", binary=redis_binary) as server:
        yield server


def config(server: RedisServer, name: str) -> str:
    with Redis.from_url(server.url, decode_responses=True) as client:
        return str(client.config_get(name)[name])


def impatient(server: RedisServer) -> Redis:
    """A client that has no password and does not try twice."""
    return Redis(port=server.port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))


def put(server: RedisServer, key: str, value: str) -> None:
    with Redis.from_url(server.url) as client:
        client.set(key, value)


def get(server: RedisServer, key: str) -> str:
    with Redis.from_url(server.url, decode_responses=True) as client:
        return str(client.get(key))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def ports(monkeypatch: pytest.MonkeyPatch, *given: int) -> None:
    remaining = iter(given)
    monkeypatch.setattr(redis_server, "free_port", lambda: next(remaining))


def test_it_keeps_everything_and_listens_on_this_machine_only(server: RedisServer) -> None:
    assert server.url == f"redis://127.0.0.1:{server.port}/0"
    assert config(server, "bind") == "127.0.0.1"
    assert config(server, "appendonly") == "yes"
    assert config(server, "save") == ""
    assert config(server, "maxmemory-policy") == "noeviction"
    assert Path(config(server, "dir")) == server.folder


def test_arguments_reach_the_server(redis_binary: Path, tmp_path: Path) -> None:
    arguments = ["--maxmemory", "64mb"]
    with RedisServer(tmp_path / "r", binary=redis_binary, arguments=arguments) as server:
        assert config(server, "maxmemory") == str(64 * 1024 * 1024)


def test_a_relative_binary_is_meant_from_where_we_are(
    redis_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(redis_binary)
    monkeypatch.chdir(tmp_path)
    with RedisServer(tmp_path / "r", binary=Path("bin/redis-server")) as server:
        assert config(server, "port") == str(server.port)


def test_a_password_is_required_and_in_the_url(redis_binary: Path, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "r", binary=redis_binary, password="p@ss/word") as server:
        put(server, "colour", "red")
        with impatient(server) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()


def test_what_was_acknowledged_survives_a_kill_and_the_port_stays(server: RedisServer) -> None:
    url, pid = server.url, server.pid
    put(server, "colour", "red")
    server.kill()
    assert is_gone(pid)
    server.start()
    assert server.url == url
    assert get(server, "colour") == "red"


def test_what_was_acknowledged_survives_a_stop(server: RedisServer) -> None:
    put(server, "colour", "red")
    server.stop()
    server.start()
    assert get(server, "colour") == "red"


def test_a_paused_server_does_not_answer_until_it_is_resumed(server: RedisServer) -> None:
    put(server, "colour", "red")
    server.pause()
    with impatient(server) as client:
        with pytest.raises(RedisTimeoutError):
            client.ping()
        server.resume()
        assert client.get("colour") == b"red"


def test_a_paused_server_ends_in_good_order(server: RedisServer) -> None:
    server.pause()
    server.stop()
    assert "bye bye" in server.log.read_text()


def test_stop_and_kill_are_harmless_when_it_is_gone(server: RedisServer) -> None:
    server.stop()
    server.stop()
    server.kill()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid


def test_a_running_server_is_not_started_again(server: RedisServer) -> None:
    with pytest.raises(RuntimeError, match="already running"):
        server.start()


def test_a_folder_of_ours_is_removed_and_a_given_one_is_kept(
    redis_binary: Path, tmp_path: Path
) -> None:
    with RedisServer(binary=redis_binary) as server:
        temporary = server.folder
        assert temporary.is_dir()
    assert not temporary.exists()
    with RedisServer(tmp_path / "kept", binary=redis_binary) as server:
        put(server, "colour", "red")
    assert (tmp_path / "kept" / "redis.log").is_file()


def test_a_server_that_dies_at_start_says_why_and_leaves_nothing(
    redis_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    broken = RedisServer(binary=redis_binary, arguments=["--appendfsync", "never"])
    with pytest.raises(RedisServerFailed, match="everysec"):
        broken.__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_ready_in_time_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "_START_SECONDS", 0.0)
    sleeper = tmp_path / "redis-server"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    server = RedisServer(tmp_path / "r", binary=sleeper)
    with pytest.raises(RedisServerFailed):
        server.start()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid


def test_another_port_is_tried_when_somebody_took_the_first(
    redis_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = redis_server.free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports(monkeypatch, taken.getsockname()[1], free)
        with RedisServer(tmp_path / "r", binary=redis_binary) as server:
            assert server.port == free


def test_a_strangers_redis_on_the_port_is_not_taken_for_ours(
    server: RedisServer, redis_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = redis_server.free_port()
    ports(monkeypatch, server.port, free)
    with RedisServer(tmp_path / "second", binary=redis_binary) as second:
        assert second.port == free


def test_no_server_outlives_a_ctrl_c(redis_binary: Path, tmp_path: Path) -> None:
    code = (
        "import time; from sandbox.redis_server import RedisServer\n"
        "with RedisServer() as server:\n"
        "    print(server.pid, server.folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"FACELIFT_REDIS_SERVER": str(redis_binary), "TMPDIR": str(tmp_path)},
        start_new_session=True,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        os.killpg(parent.pid, signal.SIGINT)
        _, error = parent.communicate(timeout=20)
    assert "KeyboardInterrupt" in error
    assert is_gone(int(pid))
    assert not Path(folder).exists()


def test_ctrl_c_does_not_reach_the_server_itself(server: RedisServer) -> None:
    assert os.getpgid(server.pid) != os.getpgid(0)
