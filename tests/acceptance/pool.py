"""Several worker processes on a ledger of their own, for tests of what all workers share."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from facelift import UploadClient
from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from facelift.ledger.store import JobStore
from sandbox.endpoint.state import key_label
from tests.acceptance.world import COMMAND, eventually, worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis import Redis

    from facelift import JobRecord
    from facelift.status.pool import PoolStatus
    from sandbox.endpoint.process import EndpointProcess
    from sandbox.endpoint.request_log import Arrival
    from tests.acceptance.world import WorkerProcess

PATIENCE = 30.0


class WorkerPool:
    """Worker processes, their ledger, and the sandbox endpoint that they deliver to.

    Each account's API key is `key-<account>`, unless a test says otherwise.
    """

    def __init__(
        self, redis: Redis, keys: Keys, workers: WorkerProcess, endpoint: EndpointProcess
    ) -> None:
        self.redis: Any = redis
        self.keys = keys
        self.workers = workers
        self.endpoint = endpoint
        self.client = UploadClient(redis=redis, key_prefix=keys.prefix)
        self.store = JobStore(redis, keys=keys)
        self._numbers = count(1)

    def enqueue(self, account: str, jobs: int = 1, image: str = "media:good.png") -> list[str]:
        """So many jobs, each for a chatbot of its own: `<account>-<number>`."""
        return [
            self.client.enqueue(f"{account}-{next(self._numbers)}", image, account=account).id
            for _ in range(jobs)
        ]

    def wait(self, jobs: list[str], timeout: float = PATIENCE) -> list[JobRecord]:
        """The records once all have ended."""
        return [self.client.wait(job, timeout) for job in jobs]

    def outcomes(self, jobs: list[str], timeout: float = PATIENCE) -> set[str]:
        return {str(record.outcome) for record in self.wait(jobs, timeout)}

    def records(self, jobs: list[str]) -> list[JobRecord]:
        return [self.client.status(job) for job in jobs]

    def until_waiting(self, jobs: list[str], *reasons: str) -> None:
        """Return once all wait for one of these reasons, and none is on its way to a worker."""
        eventually(
            lambda: all(record.wait_reason in reasons for record in self.records(jobs)),
            f"they do not wait for {reasons}",
        )

    def arrivals(self, account: str) -> list[Arrival]:
        """What arrived at the endpoint with the account's key."""
        return [
            each for each in self.endpoint.arrivals() if each.key == key_label(f"key-{account}")
        ]

    def status(self) -> PoolStatus:
        return self.store.pool.snapshot()

    def lines(self, text: str) -> list[str]:
        """The lines of all workers' log that hold `text`."""
        return [line for line in self.workers.log.splitlines() if text in line]


@contextmanager
def worker_pool(
    folder: Path, environment: dict[str, str], endpoint: EndpointProcess, processes: int = 2
) -> Iterator[WorkerPool]:
    """A pool whose workers have all registered."""
    keys = Keys(environment["FACELIFT_KEY_PREFIX"])
    command = (*COMMAND, "--processes", str(processes))
    with (
        connect(environment["FACELIFT_REDIS_URL"]) as redis,
        worker(folder / "log", environment, command) as workers,
    ):
        eventually(lambda: workers.log.count("ready:") == processes, "not all workers are ready")
        eventually(lambda: redis.exists(keys.accounts), "no worker has registered its accounts")
        yield WorkerPool(redis, keys, workers, endpoint)


def api_keys(*accounts: str) -> dict[str, str]:
    """The settings for their keys."""
    return {f"FACELIFT_API_KEY_{account.upper()}": f"key-{account}" for account in accounts}


def most_within(seconds: float, times: list[float]) -> int:
    """How many of `times` lie within the fullest window of that length."""
    times = sorted(times)
    return max(sum(at <= each < at + seconds for each in times) for at in times)
