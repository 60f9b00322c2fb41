"""Measure one peer once: throughput and its cost, enqueueing, latency."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.processes import Sink, Workers, environment, produce, usage_of
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers import Peer

_POLL = 0.05
_RSS_POLL = 0.5
_PATIENCE = 90.0  # without one more delivery
_LAST_PATIENCE = 30.0  # the same for the last ones, which some queues lose
_STEADY = (0.1, 0.9)  # of the jobs; the rest is start-up and tail
_WARM_UP = 100
_SETTLE = 2.0


class PeerStuck(Exception):  # noqa: N818 - named after what happened
    """The peer stopped delivering; the message has the end of its log."""


def commands(peer: Peer, processes: int, concurrency: int, jobs: int) -> list[str]:
    """The commands for so many processes with so many jobs in flight."""
    filled = [
        peer.command.format(processes=processes, concurrency=concurrency, number=number, jobs=jobs)
        for number in range(processes)
    ]
    return filled[:1] if peer.spawns else filled


def throughput(
    peer: Peer, media: Path, *, processes: int, concurrency: int, jobs: int
) -> dict[str, float]:
    """Enqueue `jobs` jobs, then start the worker; measure between a tenth and nine tenths of them.

    Returns:
        `rate` in jobs a second; `cpu`, `redis_cpu` and `sink_cpu` in ms a job; `sink_share`, how
        much of a core the sink used; `rss`, the most memory seen, in bytes; `missing`,
        jobs that were not sent; `repeated`, uploads of jobs that had been sent before; `enqueue`,
        jobs a second by single calls.

    Raises:
        PeerStuck: no delivery for 90 s.
    """
    with RedisServer() as redis, Sink() as sink:
        environ = environment(redis.url, sink.url, media, concurrency)
        single = {}
        if peer.queue:
            single["enqueue"] = produce(f"benchmarks.peers.{peer.module}", "single", environ, jobs)
        with Workers(commands(peer, processes, concurrency, jobs), environ) as workers:
            seen = _Progress(sink, workers)

            def spent() -> tuple[float, ...]:
                servers = (usage_of(server.pid).cpu for server in (redis, sink))
                return (workers.usage().cpu, *servers, time.monotonic(), seen.count)

            rss = seen.wait_for(int(_STEADY[0] * jobs))
            begin = spent()
            rss = max(rss, seen.wait_for(int(_STEADY[1] * jobs)))
            end = spent()
            rss = max(rss, seen.wait_for_the_last(jobs))
        cpu, redis_cpu, sink_cpu, took, done = (
            after - before for before, after in zip(begin, end, strict=True)
        )
        times = sorted(sink.arrivals().values())
        first, last = (int(share * len(times)) for share in _STEADY)
        return {
            **single,
            "rate": (last - first) / (times[last] - times[first]),
            "cpu": 1_000 * cpu / done,
            "redis_cpu": 1_000 * redis_cpu / done,
            "sink_cpu": 1_000 * sink_cpu / done,
            "sink_share": sink_cpu / took,
            "rss": rss,
            "missing": jobs - len(times),
            "repeated": sink.repeated(),
        }


def enqueue_many(peer: Peer, media: Path, jobs: int) -> float | None:
    """Jobs a second by the peer's way to enqueue many at once; None if it has none."""
    with RedisServer() as redis:
        environ = environment(redis.url, "http://127.0.0.1:9", media, 1)
        rate: float | None = produce(f"benchmarks.peers.{peer.module}", "many", environ, jobs)
        return rate


def latency(
    peer: Peer, media: Path, *, concurrency: int, jobs: int, every: float
) -> dict[str, float]:
    """Milliseconds from the start of an enqueue to that of its POST, on an idle worker.

    Raises:
        PeerStuck: no delivery for 90 s.
    """
    module = f"benchmarks.peers.{peer.module}"
    with RedisServer() as redis, Sink() as sink:
        environ = environment(redis.url, sink.url, media, concurrency)
        with Workers(commands(peer, peer.processes, concurrency, 0), environ) as workers:
            seen = _Progress(sink, workers)
            produce(module, "single", environ, _WARM_UP)
            seen.wait_for_the_last(_WARM_UP)
            time.sleep(_SETTLE)
            idle = workers.usage().cpu, time.monotonic()
            time.sleep(_SETTLE)
            idle_share = (workers.usage().cpu - idle[0]) / (time.monotonic() - idle[1])
            began = produce(module, str(every), environ, jobs, _WARM_UP)
            seen.wait_for_the_last(_WARM_UP + jobs)
        arrived = sink.arrivals()
    sent = {_WARM_UP + n: at for n, at in enumerate(began)}
    delays = [1_000 * (arrived[number] - at) for number, at in sent.items() if number in arrived]
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {
        "p50": cuts[49],
        "p99": cuts[98],
        "missing": jobs - len(delays),
        "idle_share": idle_share,
    }


class _Progress:
    """Waits for deliveries, and watches the workers' memory meanwhile."""

    def __init__(self, sink: Sink, workers: Workers) -> None:
        self._sink = sink
        self._workers = workers
        self.count = 0

    def wait_for(self, count: int) -> int:
        """Wait until so many were answered; returns the most memory seen, in bytes.

        Raises:
            PeerStuck: no delivery for 90 s.
        """
        rss = self._watch(count, _PATIENCE)
        if self.count < count:
            raise PeerStuck(f"{self.count} of {count} delivered\n{self._workers.log_tail()}")
        return rss

    def wait_for_the_last(self, count: int) -> int:
        """The same, but give up after 30 s without a delivery."""
        return self._watch(count, _LAST_PATIENCE)

    def _watch(self, count: int, patience: float) -> int:
        rss, look_at = 0, 0.0
        moved_at = time.monotonic()
        while True:
            now, known = time.monotonic(), self.count
            self.count = self._sink.count()
            if now >= look_at:
                rss, look_at = max(rss, self._workers.usage().rss), now + _RSS_POLL
            if self.count != known:
                moved_at = now
            if self.count >= count or now > moved_at + patience:
                return rss
            time.sleep(_POLL)
