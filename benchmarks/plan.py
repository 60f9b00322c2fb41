"""The sizes of the benchmark: full and short."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One form of the benchmark.

    Attributes:
        repeats: of the main table; peers take turns.
        jobs: of each run.
        fewest_jobs: for the slow.
        concurrency: jobs in flight, in the main table.
        latency_repeats: of the measurement of latency.
        latency_jobs: of each such run.
        scale: processes and jobs in flight in each, of the scaling plots.
        scale_repeats: of each.
        scale_jobs: of each run.
        turns: of Facelift and the loop without a queue that validates as it does.
        pacing_processes: numbers of worker processes on one account.
        pacing_seconds: of steady state.
        backlog: of the busy account.
        outage_jobs: that are queued.
        outage_seconds: how long the endpoint is unreachable.
        isolation: scenarios of isolation; all if empty.
        isolation_seconds: after which each of these runs ends; None lets each take its time.
        finished: sizes of the ledger.
        waiting: jobs that wait, at the largest size.
        deliveries: after which a worker's memory is read.
    """

    repeats: int
    jobs: int
    fewest_jobs: int
    concurrency: int = 50
    latency_repeats: int
    latency_jobs: int
    scale: tuple[tuple[int, int], ...]
    scale_repeats: int
    scale_jobs: int
    turns: int
    pacing_processes: tuple[int, ...]
    pacing_seconds: float
    backlog: int
    outage_jobs: int
    outage_seconds: float
    isolation: tuple[str, ...]
    isolation_seconds: float | None
    finished: tuple[int, ...]
    waiting: int
    deliveries: int


FULL = Plan(
    repeats=2,
    jobs=2_000,
    fewest_jobs=100,
    latency_repeats=2,
    latency_jobs=200,
    scale=((1, 50), (2, 50), (3, 50), (4, 50), (1, 10), (1, 25), (1, 100), (1, 200)),
    scale_repeats=1,
    scale_jobs=1_500,
    turns=15,
    pacing_processes=(1, 2, 4, 8),
    pacing_seconds=60,
    backlog=5_000,
    outage_jobs=10_000,
    outage_seconds=60,
    isolation=(),
    isolation_seconds=None,
    finished=(0, 100_000, 300_000, 1_000_000),
    waiting=100_000,
    deliveries=3_000,
)
SHORT = Plan(
    repeats=1,
    jobs=500,
    fewest_jobs=30,
    latency_repeats=1,
    latency_jobs=60,
    scale=((1, 50), (2, 50), (1, 10), (1, 200)),
    scale_repeats=1,
    scale_jobs=500,
    turns=2,
    pacing_processes=(2,),
    pacing_seconds=15,
    backlog=1_000,
    outage_jobs=500,
    outage_seconds=15,
    isolation=("poison15", "hang300-other", "first3", "batches"),
    isolation_seconds=61,
    finished=(0, 1_000, 10_000),
    waiting=1_000,
    deliveries=500,
)
