"""What `tests/programs.py` installs and reports, on a Debian made of small programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sandbox import redis_binary
from tests import programs

if TYPE_CHECKING:
    from pathlib import Path


class Debian:
    """A machine without Redis, but with Prometheus, on which we are root."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.policy = folder / "policy-rc.d"
        self.calls = folder / "calls"
        (folder / "bin").mkdir()
        (folder / "debian_version").touch()
        monkeypatch.setattr(programs, "_DEBIAN", folder / "debian_version")
        monkeypatch.setattr(programs, "_POLICY", self.policy)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(redis_binary, "find_bundled_redis_server", lambda: None)
        monkeypatch.setenv("PATH", str(folder / "bin"))
        monkeypatch.delenv("FACELIFT_REDIS_SERVER", raising=False)
        monkeypatch.delenv("CI", raising=False)
        self.has_prometheus()

    def has(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)

    def has_redis(self) -> None:
        self.has("redis-server", "echo 'Redis server v=7.0.15 sha=0'")

    def has_prometheus(self) -> None:
        self.has("prometheus", "")
        self.has("promtool", "")

    def has_apt_get(self, on_install: str) -> None:
        self.has(
            "apt-get",
            f"""echo "$1" >> {self.calls}
            test "$1" = install || exit 0
            {self.policy}; test $? = 101 || echo started >> {self.calls}
            {on_install}""",
        )


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    return Debian(tmp_path, monkeypatch)


def test_an_installed_server_is_reported_and_nothing_installed(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.has_redis()
    debian.has_apt_get("exit 1")
    assert programs.main() == 0
    assert f"run on {debian.folder}/bin/redis-server (version 7.0.15)" in capsys.readouterr().out
    assert not debian.calls.exists()


def test_the_package_is_installed_and_its_service_not_started(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    redis = debian.folder / "bin" / "redis-server"
    debian.has_redis()
    redis.rename(debian.folder / "packed")
    debian.has_apt_get(f"mv {debian.folder}/packed {redis}")
    assert programs.main() == 0
    assert f"run on {redis}" in capsys.readouterr().out
    assert debian.calls.read_text().split() == ["update", "install"]
    assert not debian.policy.exists()


def test_an_existing_policy_stays_as_it_is(debian: Debian) -> None:
    debian.policy.write_text("#!/bin/sh\nexit 101\n")
    debian.policy.chmod(0o755)
    debian.has_apt_get("exit 1")
    programs.main()
    assert debian.policy.exists()


def test_a_failed_installation_is_reported_and_is_no_error_outside_ci(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.has_apt_get("echo 'E: Unable to fetch some archives'; exit 100")
    assert programs.main() == 0
    printed = capsys.readouterr().out
    assert "could not install it:\nE: Unable to fetch" in printed
    assert "will be skipped: no redis-server 6.2 or newer found" in printed
    assert not debian.policy.exists()


def test_a_missing_server_is_an_error_in_ci(
    debian: Debian, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.has_apt_get("exit 1")
    monkeypatch.setenv("CI", "true")
    assert programs.main() == 1
    assert "cannot run" in capsys.readouterr().out


def test_nothing_is_installed_where_we_are_not_root(
    debian: Debian, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian.has_apt_get("exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert programs.main() == 0
    assert not debian.calls.exists()


def test_prometheus_is_installed_in_the_same_way(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.has_redis()
    promtool = debian.folder / "bin" / "promtool"
    promtool.rename(debian.folder / "packed")
    debian.has_apt_get(f'test "$4" = prometheus || exit 1; mv {debian.folder}/packed {promtool}')
    assert programs.main() == 0
    assert f"run on {debian.folder}/bin/prometheus" in capsys.readouterr().out
    assert debian.calls.read_text().split() == ["update", "install"]


@pytest.mark.parametrize("is_ci", [False, True])
def test_a_missing_prometheus_is_an_error_in_ci_alone(
    debian: Debian,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    is_ci: bool,
) -> None:
    debian.has_redis()
    debian.has_apt_get("exit 1")
    (debian.folder / "bin" / "prometheus").unlink()
    monkeypatch.setenv("CI", "true" if is_ci else "")
    assert programs.main() == is_ci
    fate = "cannot run" if is_ci else "will be skipped"
    printed = capsys.readouterr().out
    assert f"prometheus: the tests of deploy/ {fate}: there is no prometheus" in printed
