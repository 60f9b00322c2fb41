"""The worst images that are accepted, beside good ones, in a real worker."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without
import pytest

from facelift import UploadClient
from tests.acceptance.world import WorkerProcess, eventually, worker
from tests.costly_images import flat_png, flat_webp, many_scans
from tests.images import draw, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facelift import FitName, JobRecord

MB = 1_000_000
PEAK = 750 * MB
"""What docs/images.md states, and less than the manifests allow."""

numbers = count(1)


@pytest.fixture(scope="module")
def costly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images that take long, or much memory."""
    folder = tmp_path_factory.mktemp("costly")
    (folder / "slow.jpg").write_bytes(many_scans(4000, 100))
    (folder / "good.jpg").write_bytes(encode(draw(300, 300), "JPEG"))
    return folder


@pytest.fixture
def client(environment: dict[str, str]) -> Iterator[UploadClient]:
    with UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="costly") as made:
        yield made


def enqueue(client: UploadClient, image: str, fit: FitName = "strict") -> str:
    return client.enqueue(f"costly-{next(numbers)}", f"media:{image}", fit=fit).id


def decoders(process: WorkerProcess) -> list[psutil.Process]:
    (child,) = process.children
    return list(child.children())


@pytest.mark.nightly  # lines and decoders have unit tests
def test_images_that_take_long_delay_no_other_and_end_with_their_job_or_worker(
    environment: dict[str, str], costly: Path, client: UploadClient, tmp_path: Path
) -> None:
    environment = environment | {
        "FACELIFT_KEY_PREFIX": "costly",
        "FACELIFT_IMAGE_STORES": f"media=file://{costly}",
    }
    with worker(tmp_path / "log", environment) as process:
        slow = [enqueue(client, "slow.jpg", "crop") for _ in range(40)]
        eventually(lambda: decoders(process), "no image is decoded")
        for _ in range(5):
            began = time.monotonic()
            assert client.wait(enqueue(client, "good.jpg"), 10).outcome == "delivered"
            assert time.monotonic() - began < 2, "0.1 s where nothing else runs"

        def running() -> list[JobRecord]:
            return [each for each in map(client.status, slow) if each.state == "running"]

        (first,) = [each for each in running() if each.started_at][:1]
        client.cancel(first.id)
        assert client.wait(first.id, 10).state == "cancelled"
        eventually(lambda: decoders(process), "the next image is not decoded")
        left = decoders(process)
        began = time.monotonic()
        assert process.stop() == 0, process.log
        assert time.monotonic() - began < 10
    assert not any(each.is_running() for each in left)
    records = [client.status(job) for job in slow if job != first.id]
    assert {each.state for each in records} <= {"queued", "waiting"}
    assert {each.attempts_used for each in records} == {0}


class Memory:
    """What a worker's processes take together: shared pages count once."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = psutil.Process(process.process.pid)
        self.peak = 0

    def now(self) -> int:
        total = 0
        for each in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
        self.peak = max(self.peak, total)
        return total


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_hundred_slots_of_the_worst_images_take_bounded_memory_and_give_it_back(
    environment: dict[str, str], costly: Path, client: UploadClient, tmp_path: Path
) -> None:
    kinds: dict[str, tuple[bytes, FitName]] = {
        "bomb.png": (flat_png(6300, 6300, 2, 8), "strict"),
        "dense.png": (dense(), "strict"),
        "wide.png": (flat_png(6300, 6299, 6, 16), "crop"),
        "passes.jpg": (many_scans(6000, 30), "pad"),
        "vast.webp": (flat_webp(6300), "crop"),
        "large.webp": (flat_webp(4600), "crop"),
    }
    for name, (data, _) in kinds.items():
        (costly / name).write_bytes(data)
    environment = environment | {
        "FACELIFT_KEY_PREFIX": "costly",
        "FACELIFT_IMAGE_STORES": f"media=file://{costly}",
        "FACELIFT_CONCURRENCY": "100",
        "FACELIFT_READ_TIMEOUT": "30s",
        "FACELIFT_REQUEST_TIMEOUT": "30s",
    }
    with worker(tmp_path / "log", environment) as process:
        memory = Memory(process)
        assert client.wait(enqueue(client, "good.jpg"), 10).outcome == "delivered"
        before = memory.now()
        jobs = [
            enqueue(client, name, fit)
            for number in range(100)
            for name, (_, fit) in kinds.items()
            if fit == "strict" or number < 5
        ]
        pending = set(jobs)
        while pending:
            memory.now()
            pending = {job for job in pending if not client.status(job).state.is_terminal}
            time.sleep(0.05)
        outcomes = {client.status(job).outcome for job in jobs}
        time.sleep(2)
        after = memory.now()
    assert outcomes == {"delivered", "image_too_costly"}
    assert memory.peak < PEAK
    assert after - before < 150 * MB, "of which the idle children have half"


def dense() -> bytes:
    """As many bytes as an image may have, so that a hundred of them are a hundred megabytes."""
    return encode(draw(574, 574), "PNG", compress_level=0)
