"""Say which redis-server the integration tests will run on; install one where that is easy.

As root on Debian or Ubuntu the package `redis-server` is installed, without
starting its service, unless there is a server already. Exits 1 in CI if the
tests that need a server cannot run, else 0.
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

# What both of Debian's service helpers ask before they start anything; 101 says no.
_POLICY = Path("/usr/sbin/policy-rc.d")
_DEBIAN = Path("/etc/debian_version")


def main() -> int:
    """Find, install if need be, and tell."""
    try:
        if find_installed_redis_server() is None and can_install():
            install()
        server = find_redis_server()
    except RedisServerMissing as missing:
        in_ci = bool(os.environ.get("CI"))
        fate = "cannot run" if in_ci else "will be skipped"
        print(f"redis: the integration tests (marked real_redis) {fate}: {missing}")
        return int(in_ci)
    version = ".".join(map(str, version_of(server) or ()))
    print(f"redis: the integration tests run on {server} (version {version})")
    return 0


def can_install() -> bool:
    """Whether we are root on a system with Debian's packages, and may write to it."""
    debian = _DEBIAN.exists() and shutil.which("apt-get") is not None
    return debian and os.geteuid() == 0 and os.access(_POLICY.parent, os.W_OK)


def install() -> None:
    """Install Debian's package; if that fails, say so and go on without."""
    print("redis: installing the package redis-server (its service is not started)", flush=True)
    commands = (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "redis-server"],
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
        print(f"redis: could not install it:\n{done.stdout.strip()}")


@contextmanager
def services_stay_off() -> Iterator[None]:
    """Keep a package from starting its service; a policy that is there already is left alone."""
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
