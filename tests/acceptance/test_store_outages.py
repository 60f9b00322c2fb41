"""An image store that is out costs no job: its jobs wait, others go on, and all are delivered."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest

from facelift.codes import WaitReason
from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import WorkerPool, api_keys, worker_pool
from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "acme"
GRACE = 2.0


class Mount:
    """A folder that can be unmounted; what is left then is an empty folder."""

    def __init__(self, at: Path, sample: Path) -> None:
        self.at = at
        self._away = at.with_name("away")
        self.at.mkdir()
        (self.at / ".mounted").touch()
        self.sample = sample
        shutil.copy(sample, self.at / "good.png")

    def unmount(self) -> None:
        if not self._away.exists():
            self.at.rename(self._away)
            self.at.mkdir()

    def mount(self) -> None:
        if self._away.exists():
            shutil.rmtree(self.at)
            self._away.rename(self.at)


@pytest.fixture(scope="module")
def mount(tmp_path_factory: pytest.TempPathFactory, media: Path) -> Mount:
    return Mount(tmp_path_factory.mktemp("store") / "mount", media / "good.png")


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str],
    mount: Mount,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerPool]:
    """A pool that is started while the folder is not mounted."""
    stores = f"{environment['FACELIFT_IMAGE_STORES']},nfs=file://{mount.at}?marker=.mounted"
    settings = environment | {
        "FACELIFT_KEY_PREFIX": "stores",
        "FACELIFT_IMAGE_STORES": stores,
        "FACELIFT_IMAGE_GRACE": f"{GRACE:g}s",
        **api_keys(ACCOUNT),
    }
    mount.unmount()
    with (
        EndpointProcess(api_keys=[f"key-{ACCOUNT}"]) as endpoint,
        worker_pool(
            tmp_path_factory.mktemp("stores"),
            settings | {"FACELIFT_ENDPOINT_URL": endpoint.url},
            endpoint,
        ) as made,
    ):
        yield made


@pytest.fixture
def mounted(pool: WorkerPool, mount: Mount) -> Mount:
    mount.mount()
    (job,) = pool.enqueue(ACCOUNT, 1, "nfs:good.png")
    pool.wait([job])
    eventually(lambda: not pool.status().stores, "the store is still out")
    return mount


def test_a_worker_started_while_a_marked_folder_is_unmounted_waits(
    pool: WorkerPool, mount: Mount
) -> None:
    mount.unmount()  # if this is not the first test
    jobs = pool.enqueue(ACCOUNT, 60, "nfs:good.png")
    pool.until_waiting(jobs, "store_unavailable")
    began = time.monotonic()
    assert pool.outcomes(pool.enqueue(ACCOUNT, 5)) == {"delivered"}  # of another store
    assert time.monotonic() - began < 5
    eventually(lambda: pool.status().stores, "no outage is shown")
    (outage,) = pool.status().stores
    assert (outage.store, outage.waiting) == ("nfs", 60)
    assert outage.reason.startswith("The image store is not available; its marker file is not")
    assert pool.status().waiting[WaitReason.STORE_UNAVAILABLE] == 60
    mount.mount()
    records = pool.wait(jobs)
    assert {record.outcome for record in records} == {"delivered"}
    assert {record.attempts_used for record in records} == {1}
    eventually(lambda: not pool.status().stores, "the outage is still shown")
    assert {each.kind for each in pool.status().events} >= {"store_out", "store_back"}


def test_no_job_fails_while_a_store_is_out_for_longer_than_all_attempts_take(
    pool: WorkerPool, mounted: Mount
) -> None:
    mounted.unmount()
    jobs = pool.enqueue(ACCOUNT, 30, "nfs:good.png")
    pool.until_waiting(jobs, "store_unavailable")
    time.sleep(2)  # three attempts take half a second
    jobs += pool.enqueue(ACCOUNT, 30, "nfs:good.png")
    pool.until_waiting(jobs, "store_unavailable")
    mounted.mount()
    began = time.monotonic()
    records = pool.wait(jobs)
    assert time.monotonic() - began < 20
    assert {(record.outcome, record.attempts_used) for record in records} == {("delivered", 1)}


def test_a_job_waits_for_an_image_that_appears_a_moment_later(
    pool: WorkerPool, mounted: Mount
) -> None:
    (job,) = pool.enqueue(ACCOUNT, 1, "nfs:late.png")
    pool.until_waiting([job], "retry")
    shutil.copy(mounted.sample, mounted.at / "late.png")
    (record,) = pool.wait([job])
    assert (record.outcome, record.attempts_used) == ("delivered", 1)


def test_a_job_waits_for_an_image_that_is_still_being_written(
    pool: WorkerPool, mounted: Mount
) -> None:
    data = mounted.sample.read_bytes()

    def write() -> None:
        with (mounted.at / "growing.png").open("wb", buffering=0) as file:
            for part in range(8):
                file.write(data[part * len(data) // 8 : (part + 1) * len(data) // 8])
                time.sleep(0.15)

    writing = threading.Thread(target=write)
    writing.start()
    (job,) = pool.enqueue(ACCOUNT, 1, "nfs:growing.png")
    (record,) = pool.wait([job])
    writing.join()
    assert (record.outcome, record.attempts_used) == ("delivered", 1)
    assert len(record.attempts) > 1


def test_an_image_that_does_not_come_fails_after_the_grace(
    pool: WorkerPool, mounted: Mount
) -> None:
    (mounted.at / "half.png").write_bytes(mounted.sample.read_bytes()[:2_000])
    old = time.time() - GRACE - 1
    os.utime(mounted.at / "half.png", (old, old))
    began = time.monotonic()
    (broken,) = pool.enqueue(ACCOUNT, 1, "nfs:half.png")
    (missing,) = pool.enqueue(ACCOUNT, 1, "nfs:missing.png")
    (record,) = pool.wait([broken])
    assert str(record.outcome).startswith("image_")
    assert time.monotonic() - began < GRACE
    (record,) = pool.wait([missing])
    assert (record.outcome, record.attempts_used) == ("image_not_found", 1)
    assert GRACE <= time.monotonic() - began < GRACE + 4
