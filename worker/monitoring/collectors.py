"""Metrics that are computed at each scrape: of the pool, and of the supervisor's processes.

Names that begin with `facelift_pool_` are the pool's; every worker shows the same values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from facelift.codes import OutcomeCode, WaitReason
from facelift.errors import FaceliftError
from facelift.ledger.pool import Pool
from facelift.status.pool import BreakerState, PoolStatus
from worker.monitoring.health import Child


class PoolCollector(Collector):
    """The state of the pool, in one round trip; an unavailable Redis fails no scrape.

    Args:
        pool: what all workers share.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """The metrics; all but `facelift_redis_up` only if Redis answers."""
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
        running: the processes that run.
        wanted: how many should run.
        restarts: how many ended without having been stopped.
        version: of Facelift.
    """

    def __init__(
        self,
        running: Callable[[], Sequence[Child]],
        wanted: int,
        restarts: Callable[[], int],
        version: str,
    ) -> None:
        self._running = running
        self._wanted = wanted
        self._restarts = restarts
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        yield _gauge("worker_processes", "Running processes of this worker.", len(self._running()))
        yield _gauge("worker_processes_wanted", "Processes this worker should have.", self._wanted)
        yield CounterMetricFamily(
            "facelift_worker_restarts",
            "Processes of this worker that ended without having been stopped, and were replaced.",
            self._restarts(),
        )
        yield InfoMetricFamily(
            "facelift", "The release that runs here.", {"version": self._version}
        )


def _pool(status: PoolStatus) -> Iterator[Metric]:
    yield _gauge("pool_queue_messages", "Wake-up messages on the queue.", status.queued)
    yield _gauge("pool_running_jobs", "Jobs that workers run.", status.running)
    yield _family(
        "pool_waiting_jobs",
        "Waiting jobs, by reason.",
        ["reason"],
        (
            ((reason,), status.waiting.get(reason, 0))
            for reason in dict.fromkeys((*WaitReason, *status.waiting))
        ),
    )
    yield _family(
        "pool_store_out",
        "Whether an image store is out for a worker; absent while it is not.",
        ["store"],
        (((outage.store,), True) for outage in status.stores),
    )
    yield _gauge(
        "pool_quarantined_jobs",
        "Jobs that were with a worker when it was lost, and run apart from others.",
        status.quarantined,
    )
    oldest = 0.0 if status.oldest_at is None else max(0.0, status.at - status.oldest_at)
    yield _gauge(
        "pool_oldest_job_age_seconds",
        "Age of the oldest job that waits for a worker or in its account queue; 0 without one.",
        oldest,
    )
    ended = CounterMetricFamily(
        "facelift_pool_jobs_ended", "Ended jobs, by outcome.", labels=["outcome"]
    )
    # All of them: a rate needs a 0 to start from. A newer release has more.
    for outcome in dict.fromkeys((*OutcomeCode, *status.ended)):
        ended.add_metric([outcome], status.ended.get(outcome, 0))
    yield ended
    yield _gauge("pool_pending_webhooks", "Webhooks that are still to be sent.", status.webhooks)
    yield _gauge("pool_workers", "Worker processes with a recent heartbeat.", len(status.workers))
    yield _gauge(
        "pool_consuming_workers",
        "Worker processes with a recent heartbeat that consume.",
        sum(worker.trouble(status.at) is None for worker in status.workers),
    )
    yield _gauge(
        "pool_differing_workers",
        "Worker processes that have other settings than the pool: they started before others.",
        sum(bool(worker.differing) for worker in status.workers),
    )
    yield _gauge(
        "pool_settings_generation",
        "How many times the settings of the pool changed, from 1.",
        status.generation,
    )
    yield _family(
        "pool_breaker",
        "State of the endpoint's circuit breaker: 1 for the current one, else 0.",
        ["state"],
        (((state,), status.breaker is state) for state in BreakerState),
    )
    yield _gauge("pool_paused", "Whether an operator paused everything.", status.pause is not None)


def _accounts(status: PoolStatus) -> Iterator[Metric]:
    # Jobs may name any number of accounts that do not exist.
    accounts = [account for account in status.accounts if account.is_registered]
    for name, meaning, value in (
        (
            "paused",
            "Whether an account is paused, by an operator or because its API key was refused.",
            lambda account: account.pause is not None,
        ),
        (
            "throttled",
            "Whether the endpoint asked for a pause of an account (429).",
            lambda account: account.quiet_until is not None,
        ),
        (
            "requests_used",
            "Requests of an account in its current rate window.",
            lambda account: account.used,
        ),
        (
            "requests_limit",
            "Requests that an account may make in a rate window; absent without a limit.",
            lambda account: account.limit,
        ),
        ("waiting_jobs", "Jobs in an account queue.", lambda account: account.waiting),
        ("running_jobs", "Jobs of an account that workers run.", lambda account: account.running),
        (
            "breaker_open",
            "Whether the circuit breaker of an account is open: its uploads fail, others' do not.",
            lambda account: account.breaker is not BreakerState.CLOSED,
        ),
        (
            "failing_chatbots",
            "Chatbots of an account whose last two uploads failed, or more.",
            lambda account: account.failing_chatbots,
        ),
        (
            "workers_left",
            "Workers that run none of an account's jobs: they have another API key than works.",
            lambda account: len(account.workers_left),
        ),
    ):
        values = [((each.name,), value(each)) for each in accounts]
        samples = [(label, each) for label, each in values if each is not None]
        yield _family(f"pool_account_{name}", meaning, ["account"], samples)


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
