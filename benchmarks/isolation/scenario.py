"""The parts of a scenario: what is enqueued when, what the endpoint does, what must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.isolation.rules import Rule

Result = Mapping[str, Any]
Results = Mapping[str, Result]
"""By the scenario's name."""
Judge = Callable[[Results], tuple[str, bool]]
"""What was reached, and whether it is enough."""

GOOD = "good"
SLOTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Jobs of one kind, each for a chatbot of its own: `<name>-<number>`.

    Attributes:
        name: of the load.
        jobs: how many.
        at: when the first is enqueued, in seconds since the start.
        every: seconds between two; 0 enqueues all at once, from a process of their own.
        account: of the jobs; `made-up` gives each an account that no worker knows.
        batch: of the jobs, if they belong to one.
        image: the image of all; by default they take the sample images in turn.
        fit: what the worker may do to the image.
    """

    name: str
    jobs: int
    at: float = 0.0
    every: float = 0.0
    account: str = "a"
    batch: str | None = None
    image: str | None = None
    fit: str = "strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run.

    Attributes:
        name: for `--only` and in results.
        loads: what is enqueued.
        rules: of the endpoint.
        seconds: how long it takes.
        rate: limit of each account, or off.
        slots: of each of the two workers.
        attempts: of each job; None for the default.
        alone: whether it needs the whole machine.
        queue: what does the work: `facelift`, `plain`, `celery` or `saq`.
        outage: seconds from which to which the endpoint is away.
        until: the load that ends the run when all of it is delivered.
        environ: further settings of the worker.
    """

    name: str
    loads: tuple[Load, ...]
    rules: tuple[Rule, ...] = ()
    seconds: float
    rate: str = "100/10s"
    slots: int = SLOTS
    attempts: int | None = None
    alone: bool = False
    queue: str = "facelift"
    outage: tuple[float, float] | None = None
    until: str | None = None
    environ: tuple[tuple[str, str], ...] = ()

    def shortened(self, seconds: float) -> Scenario:
        """The same, ended earlier; an outage keeps its length."""
        if self.outage or seconds >= self.seconds:
            return self
        loads = tuple(
            replace(load, jobs=min(load.jobs, int((seconds - load.at) / (load.every or 1e-6))))
            for load in self.loads
            if load.at + load.every < seconds
        )
        return replace(self, seconds=seconds, loads=loads)

    def by(self, queue: str) -> Scenario:
        """The same by another queue."""
        return replace(self, name=f"{self.name}@{queue}", queue=queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        trouble: what happens.
        scenarios: the runs that it needs.
        must: what must hold, in words.
        judge: from the results of these runs to what was reached, and whether it is enough.
    """

    trouble: str
    scenarios: tuple[Scenario, ...]
    must: str
    judge: Judge

    @property
    def own(self) -> Scenario:
        """The run that it is about; the others are compared with it."""
        return self.scenarios[0]


def goods(*begins: float, jobs: int = 60, every: float = 1.0, account: str = "a") -> list[Load]:
    """Good uploads, one a second for a minute, from half a second after each of these times on."""
    return [
        Load(name=f"{GOOD}{begin:g}", jobs=jobs, at=begin + 0.5, every=every, account=account)
        for begin in begins
    ]
