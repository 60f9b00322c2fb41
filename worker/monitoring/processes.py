"""What several worker processes count, gathered by their supervisor.

Each process keeps its numbers in files of a folder that the supervisor made, named by
its place among them: the process that takes the place of one that ended counts on
where that stopped, so that nothing is counted twice or forgotten, and no file is left
over. The folder is gone when the supervisor is.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from prometheus_client import values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's
_PLACE = "FACELIFT_METRICS_PLACE"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it


def count_for_supervisor() -> None:
    """In a worker process, before it makes any metric: keep its numbers where its place is."""
    if place := os.environ.get(_PLACE):
        values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call] # prometheus_client's


class Processes(Collector):
    """The folder, and what the processes count in it; a context manager."""

    def __init__(self) -> None:
        # A container's root is often read-only, its /dev/shm never; and nothing need be written.
        memory = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix="facelift-metrics-", dir=memory)
        self._collector = MultiProcessCollector(None, self._folder.name)  # type: ignore[no-untyped-call] # prometheus_client's

    def environment(self, place: int) -> dict[str, str]:
        """What the process in a place must be started with."""
        return {_FOLDER: self._folder.name, _PLACE: str(place)}

    def collect(self) -> Iterable[Metric]:
        """What all processes counted."""
        return self._collector.collect()  # type: ignore[no-any-return,no-untyped-call] # the same

    def ended(self, place: int) -> None:
        """The process in this place is gone; it has no slots any more."""
        mark_process_dead(place, self._folder.name)  # type: ignore[no-untyped-call] # the same

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
