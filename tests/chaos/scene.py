"""What the faults are injected into, and with which chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from tests.chaos.world import Worker, World


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault needs.

    Attributes:
        world: the system under test.
        rng: the source of random choices.
        job_ids: the jobs so far.
    """

    world: World
    rng: Random
    job_ids: Collection[str]

    @property
    def worker(self) -> Worker:
        """One of the workers, preferably one with uploads in flight."""
        busy = [worker for worker in self.world.workers if worker.endpoint.in_flight]
        return self.rng.choice(busy or self.world.workers)

    def between(self, shortest: float, longest: float) -> float:
        """A random number of seconds."""
        return self.rng.uniform(shortest, longest)


class NotNow(Exception):  # noqa: N818 - named after its meaning, as the project's errors are
    """The fault is impossible at the moment."""
