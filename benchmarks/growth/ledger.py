"""Fill a ledger step by step, and measure at each."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.growth.fill import acquire, finish, job_id_of
from benchmarks.processes import Sink, Workers, environment, produce
from facelift import UploadClient
from facelift.ledger.connection import connect
from facelift.ledger.store import JobStore
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from redis import Redis

    from facelift.ledger.replies import Lease

_FILLERS = 2
_ASKED = 2_000
_ACQUIRED = 500
_SCHEDULE_RUNS = 7
_DUE = 100
_SETTLE = 1.0
_CONCURRENCY = 50
_LATENCY = 0.02
_PATIENCE = 300.0


def grow(
    media: Path, *, steps: Sequence[int], waiting: int, deliveries: int
) -> Iterator[dict[str, Any]]:
    """Measure an empty ledger, then one with finished jobs, then one with waiting jobs too.

    Yields:
        `finished`, `waiting` and `queued`, how many there are; `bytes_per_job`, of Redis, of those
        that were added since the last; ms of `status`, `acquire` and `schedule` (100 jobs due) as
        `..._p50` and `..._p99`; `rss`, a worker's memory in bytes after `deliveries` jobs.
    """
    there = {"finished": 0, "waiting": 0, "queued": 0}
    with RedisServer() as server, connect(server.url) as redis:
        environ = environment(server.url, "", media, _CONCURRENCY)
        for kind, count in [("finished", step) for step in steps] + [("waiting", waiting)]:
            added = count - there[kind]
            size = _fill(redis, environ, kind, sum(there.values()), added)
            there[kind] = count
            yield {
                **there,
                "bytes_per_job": size / added if added else None,
                **_times(redis, sum(there.values())),
                "rss": _worker_memory(environ, deliveries),
            }
    with RedisServer() as server, connect(server.url) as redis:
        environ = environment(server.url, "", media, _CONCURRENCY)
        size = _fill(redis, environ, "queued", 0, waiting)
        yield {"finished": 0, "waiting": 0, "queued": waiting, "bytes_per_job": size / waiting}


def _fill(redis: Redis, environ: Mapping[str, str], kind: str, first: int, count: int) -> int:
    """Add so many jobs; returns how many bytes they take."""
    before, share = _bytes(redis), -(-count // _FILLERS) or 1
    fillers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.growth.fill", kind, str(begin), str(end - begin)],
            env=environ,
        )
        for begin in range(first, first + count, share)
        for end in [min(begin + share, first + count)]
    ]
    codes = [filler.wait() for filler in fillers]
    if any(codes):
        raise RuntimeError(f"the ledger could not be filled with {kind} jobs")
    return _bytes(redis) - before


def _bytes(redis: Redis) -> int:
    """The memory of the data, without clients and the append-only file's buffer."""
    while redis.info("persistence")["aof_rewrite_in_progress"]:
        time.sleep(0.5)
    time.sleep(_SETTLE)
    memory = redis.info("memory")
    return int(memory["used_memory"] - memory["mem_clients_normal"] - memory["mem_aof_buffer"])


def _times(redis: Redis, jobs: int) -> dict[str, float]:
    client, store, rng = UploadClient(redis=redis), JobStore(redis), Random(1)
    probes = [client.enqueue(f"probe-{n}", "media:0.jpg").id for n in range(_ACQUIRED)]
    known = [job_id_of(rng.randrange(jobs)) if jobs else rng.choice(probes) for _ in range(_ASKED)]
    leases: list[Lease] = []
    times = {
        "status": [_ms(lambda job_id=job_id: client.status(job_id)) for job_id in known],
        "acquire": [
            _ms(lambda job_id=job_id: leases.append(acquire(store, job_id))) for job_id in probes
        ],
        "schedule": [_run_schedule(redis, client, store) for _ in range(_SCHEDULE_RUNS)],
    }
    for lease in leases:
        finish(store, lease)
    redis.delete(store.keys.queue)
    cuts = {
        name: statistics.quantiles(each, n=100, method="inclusive") for name, each in times.items()
    }
    return {
        f"{name}_{p}": cut[at] for name, cut in cuts.items() for p, at in (("p50", 49), ("p99", 98))
    }


def _run_schedule(redis: Redis, client: UploadClient, store: JobStore) -> float:
    redis.delete(store.keys.queue)  # messages of jobs that were acquired without them
    soon = time.time() + 1
    for n in range(_DUE):
        client.enqueue(f"due-{n}", "media:0.jpg", not_before=soon)
    time.sleep(max(0.0, soon + 0.1 - time.time()))
    took = _ms(lambda: store.run_schedule(_DUE))
    for _ in range(_DUE):  # in the ledger's order: that of random ids, as all are due at once
        message = json.loads(str(redis.rpop(store.keys.queue)))
        finish(store, acquire(store, message["headers"]["id"]))
    return took


def _worker_memory(environ: Mapping[str, str], deliveries: int) -> int:
    """The memory of a new worker after so many deliveries."""
    with Sink(_LATENCY) as sink:
        environ = {**environ, "FACELIFT_ENDPOINT_URL": sink.url}
        produce("benchmarks.peers.facelift", "single", environ, deliveries)
        with Workers(["facelift worker"], environ) as workers:
            give_up_at = time.monotonic() + _PATIENCE
            while sink.count() < deliveries:
                if time.monotonic() > give_up_at:
                    raise RuntimeError(f"the worker stopped delivering\n{workers.log_tail()}")
                time.sleep(0.1)
            return workers.usage().rss


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1_000 * (time.perf_counter() - began)
