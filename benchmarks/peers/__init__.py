"""The queues that are measured: one module each, with its task and how a producer calls it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """One queue in one form.

    Attributes:
        name: in tables.
        module: its module in this package.
        command: what runs one worker; with {processes}, {concurrency}, {number} and {jobs}.
        tuned: what it was tuned with, for the table's notes.
        processes: how many in the main table.
        speed: how many jobs it is given, as a share of the others'.
        every: seconds between its jobs where latency is measured.
        scales: whether it is measured with more processes and other concurrencies too.
        queue: whether it is a queue at all.
    """

    name: str
    module: str
    command: str
    tuned: str
    processes: int = 1
    speed: float = 1.0
    every: float = 0.075
    scales: bool = False
    queue: bool = True

    @property
    def spawns(self) -> bool:
        """Whether its command starts all processes, rather than being started several times."""
        return "{processes}" in self.command


_HERE = "benchmarks.peers"
_LEAN = "celery -A benchmarks.peers.celery_lean worker -n w{number}@bench --loglevel=warning"
_QUIET = "--without-gossip --without-mingle --without-heartbeat"

FACELIFT = Peer(
    "Facelift",
    "facelift",
    "facelift worker --processes {processes} --concurrency {concurrency}",
    "`FACELIFT_RATE_LIMIT=off`; all else by default",
    scales=True,
)
LOOP = Peer(
    "no queue: threads, Facelift's validation",
    "bare",
    f"python -m {_HERE}.bare facelift {{concurrency}} {{jobs}}",
    "`requests.Session` a thread",
    queue=False,
)
_DRAMATIQ = "dramatiq benchmarks.peers.dramatiq_threads --processes {processes}"
_TASKIQ = "taskiq worker benchmarks.peers.taskiq_streams:broker --workers {processes}"

PEERS = (
    FACELIFT,
    Peer("Facelift, 2 processes", "facelift", FACELIFT.command, FACELIFT.tuned, processes=2),
    Peer(
        "Celery as most write it, threads",
        "celery_plain",
        "celery -A benchmarks.peers.celery_plain worker -n w{number}@bench --loglevel=info "
        "--pool=threads --concurrency={concurrency}",
        "results in Redis; all else by default",
    ),
    Peer(
        "Celery, results and events off, threads",
        "celery_lean",
        f"{_LEAN} {_QUIET} --pool=threads --concurrency={{concurrency}}",
        "no results, events, gossip, mingle or heartbeat; outcome in a hash",
        scales=True,
    ),
    Peer(
        "Celery, prefork",
        "celery_lean",
        f"{_LEAN} {_QUIET} --pool=prefork --concurrency={{concurrency}}",
        "as above",
    ),
    Peer(
        "dramatiq, threads",
        "dramatiq_threads",
        f"{_DRAMATIQ} --threads {{concurrency}}",
        "results in Redis",
        scales=True,
    ),
    Peer(
        "dramatiq, 2 processes",
        "dramatiq_threads",
        f"{_DRAMATIQ} --threads {{concurrency}}",
        "as above",
        processes=2,
    ),
    Peer(
        "huey, threads",
        "huey_threads",
        "huey_consumer benchmarks.peers.huey_threads.huey -k thread -w {concurrency}",
        "blocking reads and results, as by default",
        scales=True,
    ),
    Peer(
        "taskiq, aiohttp",
        "taskiq_streams",
        f"{_TASKIQ} --max-async-tasks {{concurrency}}",
        "Redis streams, results in Redis, uvloop, orjson",
        scales=True,
    ),
    Peer(
        "arq, aiohttp",
        "arq_async",
        "arq benchmarks.peers.arq_async.WorkerSettings",
        "`poll_delay` 10 ms instead of 500",
        scales=True,
    ),
    Peer(
        "saq, aiohttp",
        "saq_async",
        "saq benchmarks.peers.saq_async.settings",
        "hiredis",
        scales=True,
    ),
    Peer(
        "rq, one worker",
        "rq_forks",
        f"python -m {_HERE}.rq_forks 1",
        "a worker script with everything loaded",
        speed=0.03,
        every=0.3,
    ),
    Peer(
        "rq, a pool of workers",
        "rq_forks",
        f"python -m {_HERE}.rq_forks {{concurrency}}",
        "the same, as many as others have jobs in flight",
        speed=0.3,
        every=0.3,
    ),
    Peer(
        "no queue: threads, full decode",
        "bare",
        f"python -m {_HERE}.bare decode {{concurrency}} {{jobs}}",
        "`requests.Session` a thread",
        queue=False,
    ),
    LOOP,
)
