"""Workers that are killed with many jobs in flight: only the job that does it fails."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facelift import UploadClient
from tests.acceptance.world import COMMAND, WorkerProcess, eventually, worker

if TYPE_CHECKING:
    from facelift.record import JobRecord
    from sandbox.endpoint.process import EndpointProcess

HONEST = 30


def enqueue(client: UploadClient, jobs: int, deadly: str = "") -> list[str]:
    """Many jobs, with the deadly one among the first."""
    ids = [client.enqueue(f"bot-{number}", "media:good.png").id for number in range(jobs // 4)]
    if deadly:
        client.enqueue("bot-deadly", f"media:{deadly}", job_id="deadly")
    ids += [
        client.enqueue(f"bot-{number}", "media:good.png").id for number in range(len(ids), jobs)
    ]
    return ids


def delivered(client: UploadClient, ids: list[str], seconds: float) -> None:
    """All are delivered within so many seconds."""
    until = time.monotonic() + seconds
    for job in ids:
        record = client.wait(job, max(0.1, until - time.monotonic()))
        assert record.outcome == "delivered", record.message


@pytest.fixture
def deadly(environment: dict[str, str], media: Path, tmp_path: Path) -> dict[str, str]:
    """Settings of workers that the image `deadly.png` kills, once for each file in `shots`."""
    shutil.copy(media / "good.png", media / "deadly.png")
    (tmp_path / "shots").mkdir()
    path = [str(Path(__file__).parents[1] / "faulty_python"), os.environ.get("PYTHONPATH", "")]
    return environment | {
        "FACELIFT_KEY_PREFIX": tmp_path.name.replace("_", "-")[:32].lower(),
        "DEADLY_IMAGE": "deadly.png",
        "DEADLY_SHOTS": str(tmp_path / "shots"),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def deliver_beside(deadly: dict[str, str], shots: int, folder: Path) -> JobRecord:
    """Run honest jobs beside one that kills its worker so often; returns how that one ended."""
    for shot in range(shots):
        (folder / "shots" / str(shot)).touch()
    url, prefix = deadly["FACELIFT_REDIS_URL"], deadly["FACELIFT_KEY_PREFIX"]
    command = (*COMMAND, "--processes", "2")
    with UploadClient(url, key_prefix=prefix) as client:
        honest = enqueue(client, HONEST, "deadly.png")
        with worker(folder / "log", deadly, command):
            delivered(client, honest, 30)
            return client.wait("deadly", 60)


@pytest.mark.nightly  # the chaos run kills workers by such images every time
@pytest.mark.timeout(120)
def test_jobs_that_were_with_killed_workers_are_delivered(
    endpoint: EndpointProcess, deadly: dict[str, str], tmp_path: Path
) -> None:
    endpoint.add_rule("*", "delay", seconds=0.3)
    record = deliver_beside(deadly, 2, tmp_path)
    assert (record.outcome, record.lost_leases) == ("delivered", 2)


@pytest.mark.nightly
@pytest.mark.timeout(120)
def test_only_the_job_that_kills_its_worker_fails(
    endpoint: EndpointProcess, deadly: dict[str, str], tmp_path: Path
) -> None:
    endpoint.add_rule("*", "delay", seconds=0.3)
    record = deliver_beside(deadly, 99, tmp_path)
    assert (record.outcome, record.crashes) == ("crash_loop", 3)


@pytest.mark.nightly
@pytest.mark.timeout(120)
def test_no_job_fails_whose_worker_is_killed_again_and_again(
    endpoint: EndpointProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {"FACELIFT_KEY_PREFIX": "scarce"}
    endpoint.add_rule("*", "delay", seconds=0.5)
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="scarce") as client,
        worker(tmp_path / "log", environment) as process,
    ):
        ids = enqueue(client, HONEST)
        for _ in range(3):
            eventually(lambda: client.pool().running, "no job runs", 30)
            _kill(process)
        delivered(client, ids, 30)
        assert client.pool().quarantined == 0


def _kill(process: WorkerProcess) -> None:
    for child in process.children:
        child.kill()
