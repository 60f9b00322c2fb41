"""Measurements, kept as JSON, so that a report can be written without measuring again."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from sandbox.redis_binary import find_redis_server, version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGES = (
    *("celery", "dramatiq", "huey", "taskiq", "taskiq-redis", "arq", "saq", "rq"),
    *("redis", "hiredis", "Pillow", "requests", "urllib3", "aiohttp", "uvloop"),
)


class Results:
    """The measurements of one kind, saved after each one.

    Args:
        folder: where they are kept.
        kind: such as `peers`.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self._file = folder / f"{kind}.json"
        self._rows: list[dict[str, Any]] = []
        self._conditions = conditions()

    def add(self, what: str, labels: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Add one measurement, and save."""
        self._rows.append({"what": what, **labels, **values})
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(
            json.dumps({"conditions": self._conditions, "rows": self._rows}, indent=1)
        )


def load(folder: Path, kind: str) -> dict[str, Any] | None:
    """The last measurements of this kind; None if there are none."""
    file = folder / f"{kind}.json"
    found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return found


def conditions() -> dict[str, Any]:
    """The machine and the versions."""
    redis_version = version_of(find_redis_server()) or ()
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "redis-server": ".".join(map(str, redis_version)),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
