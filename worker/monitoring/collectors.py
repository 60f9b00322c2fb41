"""What is asked for at each scrape: how the pool stands, and the supervisor's processes.

Whatever is named `facelift_pool_` is the pool's, the same from every worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from facelift.codes import OutcomeCode, WaitReason
from facelift.errors import FaceliftError
from facelift.status.pool import BreakerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

    from facelift.ledger.pool import Pool
    from facelift.status.pool import PoolStatus
    from worker.runtime.supervisor import Supervisor


class PoolCollector(Collector):
    """How the pool stands, in one round trip to Redis; a Redis that is away fails no scrape.

    Args:
        pool: what all workers share.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """The metrics, but for `facelift_redis_up` only if Redis answers."""
        try:
            status = self._pool.snapshot(events=1)
        except FaceliftError:
            status = None
        yield _gauge("redis_up", "Whether Redis answers this worker.", status is not None)
        if status:
            yield from _pool(status)
            yield from _accounts(status)


class SupervisorCollector(Collector):
    """The processes of this worker.

    Args:
        supervisor: of them.
        version: of Facelift.
    """

    def __init__(self, supervisor: Supervisor, version: str) -> None:
        self._supervisor = supervisor
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        supervisor = self._supervisor
        yield _gauge(
            "worker_processes", "Processes of this worker that run.", len(supervisor.running)
        )
        yield _gauge(
            "worker_processes_wanted", "Processes that this worker is to have.", supervisor.wanted
        )
        yield CounterMetricFamily(
            "facelift_worker_restarts",
            "Processes of this worker that ended unasked, each followed by another.",
            supervisor.restarts,
        )
        yield InfoMetricFamily("facelift", "What runs here.", {"version": self._version})


def _pool(status: PoolStatus) -> Iterator[Metric]:
    yield _gauge("pool_queue_messages", "Messages on the queue.", status.queued)
    yield _gauge("pool_running_jobs", "Jobs in the hands of workers.", status.running)
    yield _family(
        "pool_waiting_jobs",
        "Jobs that wait, by reason.",
        ["reason"],
        (((reason,), status.waiting.get(reason, 0)) for reason in WaitReason),
    )
    oldest = 0.0 if status.oldest_at is None else max(0.0, status.at - status.oldest_at)
    yield _gauge(
        "pool_oldest_job_age_seconds",
        "Age of the oldest job that waits only for a worker or its account's turn; 0 if none does.",
        oldest,
    )
    ended = CounterMetricFamily(
        "facelift_pool_jobs_ended", "Jobs that ended, by outcome.", labels=["outcome"]
    )
    for outcome in OutcomeCode:  # those that never were too: a rate needs a 0 to begin with
        ended.add_metric([outcome], status.ended.get(outcome, 0))
    yield ended
    yield _gauge(
        "pool_pending_webhooks", "Jobs that ended and are still to be told.", status.webhooks
    )
    yield _gauge("pool_workers", "Worker processes that are there.", len(status.workers))
    yield _gauge(
        "pool_consuming_workers",
        "Worker processes that are there and consume.",
        sum(worker.trouble(status.at) is None for worker in status.workers),
    )
    yield _family(
        "pool_breaker",
        "State of the circuit breaker: 1 for the one that it is in.",
        ["state"],
        (((state,), status.breaker is state) for state in BreakerState),
    )
    yield _gauge("pool_paused", "Whether an operator paused everything.", status.pause is not None)


def _accounts(status: PoolStatus) -> Iterator[Metric]:
    accounts = status.accounts
    label = ["account"]
    yield _family(
        "pool_account_paused",
        "Whether an account is paused, by an operator or because its key was refused.",
        label,
        (((each.name,), each.pause is not None) for each in accounts),
    )
    yield _family(
        "pool_account_throttled",
        "Whether the endpoint asked for a pause of an account (429).",
        label,
        (((each.name,), each.quiet_until is not None) for each in accounts),
    )
    yield _family(
        "pool_account_requests_used",
        "Requests of an account that count against its rate now.",
        label,
        (((each.name,), each.used) for each in accounts),
    )
    yield _family(
        "pool_account_requests_limit",
        "Requests that an account may make in its window; absent without a limit.",
        label,
        (((each.name,), each.limit) for each in accounts if each.limit is not None),
    )
    yield _family(
        "pool_account_waiting_jobs",
        "Jobs that wait for the turn of an account.",
        label,
        (((each.name,), each.waiting) for each in accounts),
    )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"facelift_{name}", meaning, value)


def _family(
    name: str,
    meaning: str,
    labels: list[str],
    samples: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = GaugeMetricFamily(f"facelift_{name}", meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
