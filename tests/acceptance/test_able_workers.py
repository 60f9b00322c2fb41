"""Workers that differ: in the image stores that they know, and in settings of the pool."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from tests.acceptance.pool import WorkerPool
from tests.acceptance.world import COMMAND, WorkerProcess, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess

PREFIX = "able_workers"
OTHER = "this worker has other settings than the pool"


class Rollout(WorkerPool):
    """An old worker runs; a new one, which knows a store more, is started by the test."""

    environment: dict[str, str]
    launch: Callable[[dict[str, str], str], WorkerProcess]

    def start_new(self) -> None:
        self.launch(self.environment | {"FACELIFT_RATE_LIMIT": "400/1s"}, "new")

    def facelift(self, *words: str) -> str:
        """What the command prints."""
        done = subprocess.run(
            (sys.executable, "-m", "facelift.cli", *words),
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str],
    endpoint_process: EndpointProcess,
    media: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Rollout]:
    endpoint_process.reset()
    folder = tmp_path_factory.mktemp("able")
    both = f"media=file://{media},attic=file://{media}"
    settings = environment | {
        "FACELIFT_KEY_PREFIX": PREFIX,
        "FACELIFT_RATE_LIMIT": "300/1s",
        "FACELIFT_UNKNOWN_GRACE": "60s",
    }
    with ExitStack() as stack:

        def start(given: dict[str, str], name: str) -> WorkerProcess:
            command = (*COMMAND, "--processes", "1")
            made = WorkerProcess(command, os.environ | given, folder / f"{name}.log")
            stack.callback(made.kill)
            made.wait_until_ready()
            return made

        old = start(settings, "old")
        redis = stack.enter_context(connect(environment["FACELIFT_REDIS_URL"]))
        made = Rollout(redis, Keys(PREFIX), old, endpoint_process)
        made.environment = settings | {"FACELIFT_IMAGE_STORES": both}
        made.launch = start
        eventually(lambda: made.status().workers, "the worker is not there")
        yield made


def test_rolling_deploy_costs_no_job(pool: Rollout) -> None:
    waiting = pool.enqueue("default", 20, "attic:good.png")
    pool.until_waiting(waiting, "unknown_store")
    known = pool.enqueue("default", 5)
    assert pool.outcomes(known) == {"delivered"}
    assert "20 jobs of unknown image stores (attic)" in pool.facelift("status")
    assert "name the store in FACELIFT_IMAGE_STORES of a worker" in pool.facelift("doctor")
    assert "unknown_store" in pool.facelift("show", waiting[0])

    pool.start_new()
    assert pool.outcomes(waiting) == {"delivered"}
    jobs = [
        job
        for _ in range(40)
        for job in (*pool.enqueue("default", 2, "attic:good.png"), *pool.enqueue("default", 2))
    ]
    assert pool.outcomes(jobs) == {"delivered"}
    assert {record.attempts_used for record in pool.records([*waiting, *jobs])} == {1}


def test_settings_of_the_newest_worker_hold_and_the_other_is_named(pool: Rollout) -> None:
    eventually(lambda: any(each.differing for each in pool.status().workers), "none differs")
    status = pool.status()
    (old,) = (each for each in status.workers if each.differing)
    (new,) = (each for each in status.workers if not each.differing)
    assert (old.stores, new.stores) == (("media",), ("attic", "media"))
    assert old.differing == ("rate limit of account default",)
    assert (status.accounts[0].limit, status.settings_of, status.generation) == (400, new.name, 2)
    named = f"{old.name} differs in rate limit of account default; what {new.name} has holds"
    assert named in pool.facelift("status")
    assert named in pool.facelift("doctor")
    assert len(pool.lines(OTHER)) == 1
