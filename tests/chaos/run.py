"""One run: load and faults at the same time, then recovery, then the checks."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, cast

from facelift.ledger.keys import Keys
from tests.chaos.aftermath import (
    bad_exits,
    counted,
    figures,
    idle_workers,
    leftovers,
    spent_without_fault,
)
from tests.chaos.load import Observer, PlannedJob, Producer, plan_jobs
from tests.chaos.recorder import Recorder
from tests.chaos.scene import Scene
from tests.chaos.track import ON_PROCESSES, ON_THE_NETWORK, InjectedFault, Track
from tests.chaos.world import World
from tests.history.checker import judge
from tests.history.events import Recorded, Started, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from redis import Redis

ALL_END_WITHIN = 60.0
HISTORY = "history.jsonl"
"""All that happened, in the run's folder; `python -m tests.history` judges it again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The parameters of a run.

    Attributes:
        seed: of all random choices; the same seed makes the same plan, but not the same timing.
        jobs: how many.
        chatbots: over how many.
        workers: how many.
        seconds: how long faults are injected.
    """

    seed: int
    jobs: int = 200
    chatbots: int = 24
    workers: int = 3
    seconds: float = 20


@dataclass
class Report:
    """The result of a run.

    Attributes:
        plan: the run.
        problems: the broken promises, a sentence each.
        figures: by name, in order.
        faults: the faults that were injected.
    """

    plan: Plan
    problems: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    faults: list[InjectedFault] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{name:<28} {value}" for name, value in self.figures.items()]
        lines += [f"PROBLEM: {problem}" for problem in self.problems]
        verdict = f"{len(self.problems)} problems" if self.problems else "every promise was kept"
        again = f"SEED={self.plan.seed} JOBS={self.plan.jobs}"
        return "\n".join([*lines, f"{verdict} ({again} repeats the run)"])


def run(plan: Plan, folder: Path) -> Report:
    """Carry out `plan`, and stop everything that it started.

    Raises:
        AssertionError: the workers do not start or stop.
        TimeoutError: jobs cannot be enqueued after the last fault.
    """
    report = Report(plan)
    rng = Random(plan.seed)
    with World(folder, plan.workers) as world, ExitStack() as stack:
        recorder = Recorder(
            folder / HISTORY,
            Started(plan.seed, plan.jobs, plan.chatbots, plan.workers, plan.seconds),
        )
        stack.callback(recorder.close)
        planned = plan_jobs(world.media, plan.jobs, plan.chatbots, rng)
        until = time.monotonic() + plan.seconds
        url = f"redis://127.0.0.1:{world.producers.port}/0"
        producer = Producer(planned, url, plan.seconds, recorder)
        stack.callback(producer.stop)
        observer = Observer(world.admin, producer.accepted, recorder)
        stack.callback(observer.stop)
        tracks = [
            Track(group, Scene(world, Random(rng.random()), producer.accepted), until)
            for group in (ON_PROCESSES, ON_THE_NETWORK)
        ]
        for track in tracks:
            track.join()
            report.faults += track.injected
        world.end_faults()
        recovering_at = time.monotonic()
        producer.join(ALL_END_WITHIN)
        while observer.pending and time.monotonic() < recovering_at + ALL_END_WITHIN:
            time.sleep(0.1)
        observer.poll()
        outcomes = Counter(ending.outcome for ending in observer.endings.values())
        spent = spent_without_fault(observer.endings, producer.accepted)
        report.problems += spent
        report.figures |= {
            "jobs": f"{len(producer.accepted)} for {plan.chatbots} chatbots",
            "outcomes": counted(outcomes),
            "spent without fault": len(spent),
            "enqueue retried": producer.retries,
            "all had ended": f"{time.monotonic() - recovering_at:.1f} s after the last fault",
        }
        recorder.recorded(_read_jobs(world.admin, producer.accepted.values()))
        recorder.requests(world.endpoint.arrivals())
        recorder.uploads(
            each for worker in world.workers for each in list(worker.endpoint.exchanges)
        )
        recorder.disturbed(world.freezes, report.faults)
        history = read(folder / HISTORY)
        report.problems += judge(history)
        asked_at = time.monotonic()
        report.problems += [f"idle after the last fault: {each}" for each in idle_workers(world)]
        report.figures["all workers delivered again"] = f"{time.monotonic() - asked_at:.1f} s later"
        report.problems += leftovers(world.admin)
        world.stop_workers()
        report.problems += bad_exits(world)
        report.figures |= figures(world, history)
    return report


def _read_jobs(redis: Redis, planned: Iterable[PlannedJob]) -> Iterator[Recorded]:
    for job in planned:
        record = cast("dict[str, str]", redis.hgetall(Keys().job(job.job_id)))
        if record:
            yield Recorded(
                job=job.job_id,
                chatbot=job.target,
                state=record["state"],
                outcome=record.get("outcome", ""),
                generation=int(record["generation"]),
                finished_at=float(record.get("finished_at", 0)),
            )
