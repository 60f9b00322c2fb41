"""List the external programs that the tests will run; install missing ones on Debian.

They are `redis-server`, and `prometheus` with its `promtool`. As root on Debian or Ubuntu the
missing packages are installed, without starting their services. Exits with 1 in CI if tests
that need a program cannot run, else with 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.redis_binary import (
    RedisServerMissing,
    find_installed_redis_server,
    find_redis_server,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Debian's service helpers run it before they start a service; exit code 101 forbids that.
_POLICY = Path("/usr/sbin/policy-rc.d")
_DEBIAN = Path("/etc/debian_version")


def main() -> int:
    """Find each program, install it if need be, and report."""
    found = [find_redis(), find_prometheus()]
    return int(in_ci() and not all(found))


def in_ci() -> bool:
    """Whether a missing program is an error."""
    return bool(os.environ.get("CI"))


def find_redis() -> bool:
    """Find or install `redis-server`, and report it; returns whether it is there."""
    try:
        if find_installed_redis_server() is None and can_install():
            install("redis-server")
        server = find_redis_server()
    except RedisServerMissing as missing:
        fate = "cannot run" if in_ci() else "will be skipped"
        print(f"redis: the integration tests (marked real_redis) {fate}: {missing}")
        return False
    version = ".".join(map(str, version_of(server) or ()))
    print(f"redis: the integration tests run on {server} (version {version})")
    return True


def find_prometheus() -> bool:
    """The same for `prometheus` and `promtool`, which come together."""

    def missing() -> list[str]:
        return [name for name in ("prometheus", "promtool") if shutil.which(name) is None]

    if missing() and can_install():
        install("prometheus")
    if missing():
        fate = "cannot run" if in_ci() else "will be skipped"
        print(f"prometheus: the tests of deploy/ {fate}: there is no {' and no '.join(missing())}")
        return False
    print(f"prometheus: the tests of deploy/ run on {shutil.which('prometheus')}")
    return True


def can_install() -> bool:
    """Whether we are root on a system with Debian's packages, and may write to it."""
    debian = _DEBIAN.exists() and shutil.which("apt-get") is not None
    return debian and os.geteuid() == 0 and os.access(_POLICY.parent, os.W_OK)


def install(package: str) -> None:
    """Install Debian's package; if that fails, report it and continue."""
    print(f"{package}: installing the package (its service is not started)", flush=True)
    commands = (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", package],
    )
    with services_stay_off():
        for command in commands:
            done = subprocess.run(
                [*command, "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
    if done.returncode != 0:
        print(f"{package}: could not install it:\n{done.stdout.strip()}")


@contextmanager
def services_stay_off() -> Iterator[None]:
    """Keep packages from starting their services; an existing policy stays as it is."""
    try:
        with _POLICY.open("x") as policy:
            policy.write("#!/bin/sh\nexit 101\n")
    except FileExistsError:
        yield
        return
    try:
        _POLICY.chmod(0o755)
        yield
    finally:
        _POLICY.unlink()


if __name__ == "__main__":
    sys.exit(main())
