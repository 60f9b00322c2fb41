"""Names worker processes, and combines the metrics of several in their supervisor.

Each process keeps its values in files of a folder that the supervisor made, named by the
process's place. The process that takes the place of one that ended continues its files: nothing
is counted twice or lost, and no file is left over. The supervisor removes the folder at its end.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from prometheus_client import Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's variable
_PLACE = "FACELIFT_METRICS_PLACE"
_MARK = "FACELIFT_WORKER_MARK"
_STARTED = "FACELIFT_WORKER_STARTED"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it


def mark_processes() -> None:
    """In a supervisor: mark the names of its processes, so that no other worker has them.

    It also notes when the worker started.
    """
    os.environ[_MARK] = secrets.token_hex(3)
    os.environ[_STARTED] = repr(time.monotonic())


def process_name(host: str, pid: int) -> str:
    """The name of a process, in records, heartbeats, logs and Celery.

    Two containers may have the name of their host and the process's id in common. The mark of the
    supervisor, or else of this process, tells them apart.
    """
    return f"{host}:{pid}-{os.environ.setdefault(_MARK, secrets.token_hex(3))}"


def worker_age() -> float:
    """Seconds since the worker started: its supervisor, else this process.

    The settings of a process that takes the place of one that ended are no newer than those. All
    processes of a machine have one monotonic clock.
    """
    now = time.monotonic()
    return max(0.0, now - float(os.environ.setdefault(_STARTED, repr(now))))


def count_for_supervisor() -> None:
    """In a worker process, before any metric exists: keep its values in its place's files."""
    if place := os.environ.get(_PLACE):
        values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call] # prometheus_client's


class ProcessMetrics(Collector):
    """The folder, and the sum of what the processes count in it; a context manager."""

    def __init__(self) -> None:
        # A container's root is often read-only, its /dev/shm never; nothing must outlive it.
        memory = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix="facelift-metrics-", dir=memory)
        self._collector = MultiProcessCollector(None, self._folder.name)  # type: ignore[no-untyped-call] # prometheus_client's

    def environment(self, place: int) -> dict[str, str]:
        """The environment variables of the process in a place."""
        return {_FOLDER: self._folder.name, _PLACE: str(place)}

    def collect(self) -> Iterable[Metric]:
        """The metrics of all processes."""
        return self._collector.collect()  # type: ignore[no-any-return,no-untyped-call] # prometheus_client's

    def ended(self, place: int) -> None:
        """The process in this place has ended; remove its gauges."""
        mark_process_dead(place, self._folder.name)  # type: ignore[no-untyped-call] # prometheus_client's

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
