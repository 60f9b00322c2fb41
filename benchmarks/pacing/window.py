"""One account, 1 to 8 worker processes, and an endpoint that allows 100 requests in any 10 s."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.processes import Workers, environment, produce
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.endpoint.request_log import Arrival

LIMIT, WINDOW = 100, 10.0
ENDPOINT = ("--latency", "100ms", "--rate-limit", f"{LIMIT}/{WINDOW:g}s")
_CONCURRENCY = 50
_OK, _TOO_MANY = 200, 429
_PATIENCE = 60.0
_STEPS = 20


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to keep to the limit.

    Attributes:
        name: in tables.
        module: whose `enqueue` it uses.
        command: with {processes}, {concurrency} and {number}.
        how: what its docs offer.
        divided: whether Celery's `rate_limit` is divided by the number of processes.
    """

    name: str
    module: str
    command: str
    how: str
    divided: bool = False

    def commands(self, processes: int) -> list[str]:
        """What to run."""
        filled = [
            self.command.format(processes=processes, concurrency=_CONCURRENCY, number=number)
            for number in range(processes)
        ]
        return filled[:1] if "{processes}" in self.command else filled


_CELERY = (
    "celery -A benchmarks.pacing.celery_rate worker -n w{number}@bench --loglevel=warning "
    "--pool=threads --concurrency={concurrency}"
)
CONTESTANTS = (
    Contestant(
        "Facelift",
        "benchmarks.peers.facelift",
        "facelift worker --processes {processes} --concurrency {concurrency}",
        "by default",
    ),
    Contestant(
        "Celery, divided",
        "benchmarks.pacing.celery_rate",
        _CELERY,
        "`rate_limit` of 10/s divided by the number of processes",
        divided=True,
    ),
    Contestant(
        "Celery, undivided", "benchmarks.pacing.celery_rate", _CELERY, '`rate_limit="10/s"`'
    ),
    Contestant(
        "dramatiq",
        "benchmarks.pacing.dramatiq_window",
        "dramatiq benchmarks.pacing.dramatiq_window --processes {processes} "
        "--threads {concurrency}",
        "`WindowRateLimiter(limit=100, window=10)`, retries after 0.1 to 1 s",
    ),
    Contestant(
        "rq",
        "benchmarks.pacing.rq_sleep",
        "python -m benchmarks.pacing.rq_sleep {processes}",
        "nothing; sleeps for `Retry-After`; one job at a time in each process",
    ),
)


def one_account(
    contestant: Contestant, media: Path, *, processes: int, seconds: float
) -> dict[str, float]:
    """Share of the allowed rate that was used, and refusals.

    The first window is left out, and the share is the mean over all spans of `seconds` that begin
    in the second, so that it does not depend on where a window of the worker's begins.

    Returns:
        `share`, of 1; `refused` and `requests` over the whole run; `worst`, the most requests
        that any window saw.

    Raises:
        RuntimeError: the worker sends nothing.
    """
    jobs = int((seconds + 4 * WINDOW) * LIMIT / WINDOW)
    with RedisServer() as redis, EndpointProcess(options=ENDPOINT) as endpoint:
        environ = paced(environment(redis.url, endpoint.url, media, _CONCURRENCY))
        if contestant.divided:
            environ["BENCH_RATE"] = f"{600 / processes:g}/m"
        produce(contestant.module, "single", environ, jobs)
        with Workers(contestant.commands(processes), environ) as workers:
            first = wait_for_first(endpoint, workers)
            time.sleep(max(0.0, first + seconds + 2 * WINDOW + 0.5 - time.monotonic()))
            arrivals = endpoint.arrivals()
    taken = [each.headers_at for each in arrivals if each.status == _OK]
    shares = []
    for step in range(_STEPS):
        begin = first + WINDOW * (1 + step / _STEPS)
        shares.append(sum(begin <= at < begin + seconds for at in taken))
    statuses = Counter(each.status for each in arrivals)
    return {
        "share": statistics.fmean(shares) / (seconds * LIMIT / WINDOW),
        "refused": statuses[_TOO_MANY],
        "requests": len(arrivals),
        "worst": worst_window(arrivals),
    }


def paced(environ: dict[str, str]) -> dict[str, str]:
    """The same with Facelift's pacing as it is by default."""
    return {name: value for name, value in environ.items() if name != "FACELIFT_RATE_LIMIT"}


def wait_for_first(endpoint: EndpointProcess, workers: Workers) -> float:
    """When the first request arrived, in monotonic seconds.

    Raises:
        RuntimeError: none does.
    """
    give_up_at = time.monotonic() + _PATIENCE
    while not (arrivals := endpoint.arrivals()):
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"no request arrived\n{workers.log_tail()}")
        time.sleep(0.1)
    return arrivals[0].headers_at


def worst_window(arrivals: list[Arrival]) -> int:
    """The most requests that any window of the limit's length saw."""
    times = [each.headers_at for each in arrivals]
    worst = begin = 0
    for end, at in enumerate(times):
        while times[begin] <= at - WINDOW:
            begin += 1
        worst = max(worst, end - begin + 1)
    return worst
