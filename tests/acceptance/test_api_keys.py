"""Workers whose API key is stale, or that have all a wrong one: no job is spent on it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from facelift.cli.checks.pool import check_pool
from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from sandbox.endpoint.process import EndpointProcess
from sandbox.endpoint.state import key_label
from tests.acceptance.pool import WorkerPool, most_within
from tests.acceptance.world import COMMAND, WorkerProcess, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facelift.status.pool import AccountStatus

LIMIT, WINDOW = 60, 1.0
OTHER = "this worker has another API key"


class TwoWorkers(WorkerPool):
    """Each with a key file of its own; the second one's key is stale at first."""

    files: tuple[Path, Path]
    environment: dict[str, str]

    def answers(self, key: str) -> list[int | None]:
        """How the endpoint answered requests with a key."""
        label = key_label(key)
        return [each.status for each in self.endpoint.arrivals() if each.key == label]

    @property
    def account(self) -> AccountStatus:
        (found,) = self.status().accounts
        return found

    def give(self, *keys: str) -> None:
        """Write each worker's key file."""
        for file, key in zip(self.files, keys, strict=True):
            file.write_text(key)

    def facelift(self, *words: str) -> str:
        """What the command prints."""
        done = subprocess.run(
            (sys.executable, "-m", "facelift.cli", *words),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoWorkers]:
    folder = tmp_path_factory.mktemp("keys")
    files = (folder / "first", folder / "second")
    prefix = "api_keys"
    with ExitStack() as stack:
        endpoint = stack.enter_context(EndpointProcess(api_keys=["good"]))
        settings = environment | {
            "FACELIFT_KEY_PREFIX": prefix,
            "FACELIFT_ENDPOINT_URL": endpoint.url,
            "FACELIFT_RATE_LIMIT": f"{LIMIT}/{WINDOW:g}s",
            "FACELIFT_KEY_GRACE": "0s",
        }
        del settings["FACELIFT_API_KEY"]
        workers = []
        for file, key in zip(files, ("good", "stale"), strict=True):
            file.write_text(key)
            own = os.environ | settings | {"FACELIFT_API_KEY_FILE": str(file)}
            command = (*COMMAND, "--processes", "1")
            workers.append(WorkerProcess(command, own, folder / f"{file.name}.log"))
            stack.callback(workers[-1].kill)
        for each in workers:
            each.wait_until_ready()
        redis = stack.enter_context(connect(environment["FACELIFT_REDIS_URL"]))
        made = TwoWorkers(redis, Keys(prefix), workers[1], endpoint)
        made.files, made.environment = files, settings
        eventually(lambda: len(made.status().workers) == 2, "not all workers are there")
        yield made


def test_stale_key_of_one_worker_costs_no_job_and_is_named_everywhere(pool: TwoWorkers) -> None:
    jobs = pool.enqueue("default", 100)
    assert pool.outcomes(jobs) == {"delivered"}
    assert {record.attempts_used for record in pool.records(jobs)} == {1}
    assert len(pool.answers("stale")) <= 20
    eventually(lambda: pool.account.workers_left, "nobody sees the stale key")
    (left,) = pool.account.workers_left
    eventually(lambda: pool.lines(OTHER), "the log does not say so")
    assert "1 worker has another API key than the newest that works" in pool.facelift("status")
    (finding,) = [each for each in check_pool(pool.status(), moves=True) if left in each.message]
    assert f"{left} has another API key of account default" in finding.message
    assert "give all workers the same API key" in finding.advice

    asked = len(pool.answers("stale"))
    assert pool.outcomes(pool.enqueue("default", 20)) == {"delivered"}
    assert len(pool.answers("stale")) == asked
    assert len(pool.lines(OTHER)) == 1


def test_account_whose_keys_are_all_refused_waits_and_one_job_tries_again(
    pool: TwoWorkers,
) -> None:
    pool.give("good", "good")
    eventually(lambda: not pool.account.workers_left, "the key file is not read")
    eventually(lambda: pool.lines("is the one that works"), "the log does not say so")
    pool.endpoint.revoke("good")
    before = len(pool.answers("good"))
    jobs = pool.enqueue("default", 30)
    pool.until_waiting(jobs, "account_paused")
    assert len(pool.answers("good")) - before <= LIMIT

    asked = len(pool.answers("good"))
    assert pool.store.pool.resume("default", by="kim")
    eventually(lambda: pool.account.pause, "nobody tried the key")
    pool.until_waiting(jobs, "account_paused")
    assert pool.answers("good")[asked:] == [401]
    assert {record.attempts_used for record in pool.records(jobs)} == {0}
    assert "give the workers one that works" in pool.facelift("wait", jobs[0], "--timeout", "0.1")

    pool.endpoint.accept("new")
    pool.give("new", "new")
    assert pool.outcomes(jobs) == {"delivered"}
    assert pool.answers("new") == [200] * len(jobs)
    arrived = [each.arrived for each in pool.endpoint.arrivals() if each.key == key_label("new")]
    assert most_within(WINDOW, arrived) <= LIMIT
    assert arrived[0] < min(arrived[1:])


def test_mistyped_key_costs_one_request(pool: TwoWorkers) -> None:
    pool.give("mistyped", "mistyped")
    eventually(lambda: not pool.account.has_key, "the key file is not read")
    jobs = pool.enqueue("default", 20)
    pool.until_waiting(jobs, "account_paused")
    eventually(lambda: pool.account.pause, "nobody tried the key")
    assert pool.answers("mistyped") == [401]
    pool.give("new", "new")
    assert pool.outcomes(jobs) == {"delivered"}
