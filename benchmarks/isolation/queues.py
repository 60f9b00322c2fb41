"""The queues that play scenarios: how each one's workers start and how it is given jobs."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from facelift import UploadClient, UploadJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.isolation.scenario import Load, Scenario

WORKERS = 2


class Queue(Protocol):
    """What a run needs of a queue."""

    def enqueue(self, load: Load, number: int) -> str:
        """Enqueue one job of a load; returns its id."""

    def enqueue_all(self, load: Load) -> list[str]:
        """Enqueue all jobs of a load; returns their ids."""


class FaceliftQueue:
    """Facelift.

    Args:
        url: of its Redis.
    """

    def __init__(self, url: str) -> None:
        self.client = UploadClient(url)

    def enqueue(self, load: Load, number: int) -> str:
        """Enqueue one job of a load; returns its id."""
        return self.client.enqueue_job(_job(load, number)).id

    def enqueue_all(self, load: Load) -> list[str]:
        """Enqueue all jobs of a load; returns their ids."""
        jobs = (_job(load, number) for number in range(load.jobs))
        return [each.record.id for each in self.client.enqueue_many(jobs)]


class OtherQueue:
    """One of the other queues: a module with `enqueue`, and `start` if it connects first.

    Args:
        name: of the module.
    """

    def __init__(self, name: str) -> None:
        self._module: Any = import_module(name)
        self._loop = asyncio.Runner()
        if hasattr(self._module, "start"):
            self._loop.run(self._module.start())

    def enqueue(self, load: Load, number: int) -> str:
        """Enqueue one job of a load."""
        answer = self._module.enqueue(f"{load.name}-{number}", _image(load, number))
        if asyncio.iscoroutine(answer):
            self._loop.run(answer)
        return ""

    def enqueue_all(self, load: Load) -> list[str]:
        """Enqueue all jobs of a load."""
        return [self.enqueue(load, number) for number in range(load.jobs)]


_OTHERS = {
    "celery": "benchmarks.isolation.celery_retry",
    "saq": "benchmarks.isolation.saq_retry",
}


def open_queue(name: str, environ: Mapping[str, str]) -> Queue:
    """The queue of this name, for a producer; the others read its settings from `os.environ`."""
    if name in _OTHERS:
        return OtherQueue(_OTHERS[name])
    return FaceliftQueue(environ["FACELIFT_REDIS_URL"])


def commands(scenario: Scenario) -> list[str]:
    """What starts the two workers."""
    if scenario.queue == "celery":
        return [
            f"celery -A {_OTHERS['celery']} worker -n w{number}@isolation --loglevel=warning "
            f"--pool=threads --concurrency={scenario.slots}"
            for number in range(WORKERS)
        ]
    if scenario.queue == "saq":
        return [f"saq {_OTHERS['saq']}.settings"] * WORKERS
    return [f"facelift worker --processes {WORKERS} --concurrency {scenario.slots}"]


def settings(scenario: Scenario) -> dict[str, str]:
    """What the scenario sets for Facelift's workers."""
    found = {"FACELIFT_RATE_LIMIT": scenario.rate, **dict(scenario.environ)}
    if scenario.attempts:
        found["FACELIFT_MAX_ATTEMPTS"] = str(scenario.attempts)
    for account, key in (("A", "key-a"), ("B", "key-b"), ("SAME", "key-a")):
        found[f"FACELIFT_API_KEY_{account}"] = key
    return found


def _job(load: Load, number: int) -> UploadJob:
    return UploadJob(
        chatbot_id=f"{load.name}-{number}",
        image=load.image or f"media:{_image(load, number)}",
        account=f"made-up-{number}" if load.account == "made-up" else load.account,
        batch=load.batch,
        fit=load.fit,
    )


def _image(load: Load, number: int) -> str:
    return f"{(len(load.name) + number) % 16}.jpg"
