"""One run: trouble and work at the same time, then calm, then judgement."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from random import Random
from typing import TYPE_CHECKING, cast

from facelift.codes import JobState
from facelift.ledger.keys import Keys
from tests.chaos.aftermath import bad_exits, counted, figures, idle_workers, leftovers
from tests.chaos.faults import ON_PROCESSES, ON_THE_WAY, Scene, Track, Trouble
from tests.chaos.judgement import Job, judge
from tests.chaos.load import Producer, Wish, Witness, make_wishes
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from redis import Redis

    from sandbox.endpoint.request_log import Arrival

ALL_END_WITHIN = 60.0
EVIDENCE = "evidence.json"
"""What the judgement is made of, in the run's folder."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run consists of.

    Attributes:
        seed: of all chance; the same seed makes the same plan, though not the same moments.
        jobs: how many.
        chatbots: over how many.
        workers: how many.
        seconds: for how long there are faults.
    """

    seed: int
    jobs: int = 200
    chatbots: int = 24
    workers: int = 3
    seconds: float = 20


@dataclass
class Report:
    """What came of it.

    Attributes:
        plan: the run.
        problems: what is wrong; nothing, it is to be hoped.
        figures: by name, in order.
        troubles: the faults that happened.
    """

    plan: Plan
    problems: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{name:<28} {value}" for name, value in self.figures.items()]
        lines += [f"PROBLEM: {problem}" for problem in self.problems]
        verdict = f"{len(self.problems)} problems" if self.problems else "every promise was kept"
        again = f"SEED={self.plan.seed} JOBS={self.plan.jobs}"
        return "\n".join([*lines, f"{verdict} ({again} repeats the run)"])


def run(plan: Plan, folder: Path) -> Report:
    """Carry out `plan`; everything that it starts is gone afterwards.

    Raises:
        AssertionError: the workers do not start or stop.
        TimeoutError: jobs cannot be enqueued although all is calm.
    """
    report = Report(plan)
    rng = Random(plan.seed)
    with World(folder, plan.workers) as world, ExitStack() as stack:
        wishes = make_wishes(world.media, plan.jobs, plan.chatbots, rng)
        until = time.monotonic() + plan.seconds
        producer = Producer(wishes, f"redis://127.0.0.1:{world.producers.port}/0", plan.seconds)
        stack.callback(producer.stop)
        witness = Witness(world.admin, producer.accepted)
        stack.callback(witness.stop)
        tracks = [
            Track(group, Scene(world, Random(rng.random()), producer.accepted), until)
            for group in (ON_PROCESSES, ON_THE_WAY)
        ]
        for track in tracks:
            track.join()
            report.troubles += track.troubles
        world.calm_down()
        calm_at = time.monotonic()
        producer.join(ALL_END_WITHIN)
        while witness.pending and time.monotonic() < calm_at + ALL_END_WITHIN:
            time.sleep(0.1)
        witness.look()
        outcomes = Counter(ending.outcome for ending in witness.endings.values())
        report.figures |= {
            "jobs": f"{len(producer.accepted)} for {plan.chatbots} chatbots",
            "outcomes": counted(outcomes),
            "enqueue tried again": producer.retries,
            "all had ended after": f"{time.monotonic() - calm_at:.1f} s of calm",
        }
        report.problems += witness.changes.values()
        arrivals = world.endpoint.arrivals()
        _judge(
            report,
            world,
            folder,
            _read_jobs(world.admin, producer.accepted.values(), report),
            arrivals,
        )
        asked_at = time.monotonic()
        report.problems += [f"idle although all is calm: {each}" for each in idle_workers(world)]
        report.figures["all worked again after"] = f"{time.monotonic() - asked_at:.1f} s more"
        report.problems += leftovers(world.admin)
        world.stop_workers()
        report.problems += bad_exits(world)
        report.figures |= figures(world, report.troubles, arrivals)
    return report


def _read_jobs(redis: Redis, wishes: Iterable[Wish], report: Report) -> list[Job]:
    jobs = []
    for wish in wishes:
        record = cast("dict[str, str]", redis.hgetall(Keys().job(wish.job_id)))
        if not record:
            report.problems.append(f"{wish.job_id} was accepted, and there is no record of it")
            continue
        jobs.append(
            Job(
                job_id=wish.job_id,
                chatbot_id=wish.chatbot_id,
                sha256=wish.sha256,
                generation=int(record["generation"]),
                state=JobState(record["state"]),
                finished_at=float(record.get("finished_at", 0)),
            )
        )
    return jobs


def _judge(
    report: Report, world: World, folder: Path, jobs: list[Job], arrivals: list[Arrival]
) -> None:
    exchanges = [each for worker in world.workers for each in list(worker.endpoint.exchanges)]
    evidence = {
        "jobs": [asdict(job) for job in jobs],
        "arrivals": [asdict(arrival) for arrival in arrivals],
        "exchanges": [asdict(exchange) for exchange in exchanges],
        "freezes": [asdict(freeze) for freeze in world.freezes],
        "troubles": [asdict(trouble) for trouble in report.troubles],
    }
    (folder / EVIDENCE).write_text(json.dumps(evidence, indent=1))
    report.problems += judge(jobs, arrivals, exchanges, world.freezes)
