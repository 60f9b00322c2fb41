"""One Redis, one sandbox endpoint and one worker that most acceptance tests share."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from facelift import UploadClient
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer
from sandbox.samples import write_samples
from tests.acceptance.world import CANARY, OTHER_KEYS, WorkerProcess, worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sample images; `good.png`, `other.png` and `bots/42.png` can be delivered."""
    folder = tmp_path_factory.mktemp("media")
    samples = [sample.name for sample in write_samples(folder) if sample.expected == "delivered"]
    pictures = [name for name in samples if name.endswith(".png")]
    shutil.copy(folder / pictures[0], folder / "good.png")
    shutil.copy(folder / pictures[1], folder / "other.png")
    (folder / "bots").mkdir()
    shutil.copy(folder / pictures[0], folder / "bots" / "42.png")
    return folder


@pytest.fixture(scope="session")
def ledger_redis(
    redis_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A Redis of the shared worker's own: other tests empty theirs."""
    with RedisServer(tmp_path_factory.mktemp("ledger"), binary=redis_binary) as server:
        yield server


@pytest.fixture(scope="session")
def endpoint_process(traced: dict[str, str]) -> Iterator[EndpointProcess]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in traced.items():
            patch.setenv(name, value)
        process = EndpointProcess(api_keys=[CANARY, *OTHER_KEYS])
    with process:
        yield process


@pytest.fixture
def endpoint(endpoint_process: EndpointProcess) -> EndpointProcess:
    """The sandbox endpoint in its initial state."""
    endpoint_process.reset()
    return endpoint_process


@pytest.fixture(scope="session")
def environment(
    ledger_redis: RedisServer, endpoint_process: EndpointProcess, media: Path
) -> dict[str, str]:
    """A worker's settings, with short times."""
    return {
        "FACELIFT_REDIS_URL": ledger_redis.url,
        "FACELIFT_ENDPOINT_URL": endpoint_process.url,
        "FACELIFT_API_KEY": CANARY,
        "FACELIFT_IMAGE_STORES": f"media=file://{media}",
        "FACELIFT_UNKNOWN_GRACE": "1s",
        "FACELIFT_BACKOFF_BASE": "100ms",
        "FACELIFT_BACKOFF_CAP": "200ms",
        "FACELIFT_MAX_ATTEMPTS": "3",
        "FACELIFT_READ_TIMEOUT": "2s",
        "FACELIFT_REQUEST_TIMEOUT": "2s",
        "FACELIFT_CONNECT_TIMEOUT": "1s",
        "FACELIFT_LEASE": "3s",
        "FACELIFT_IMAGE_GRACE": "200ms",
        "FACELIFT_CONCURRENCY": "20",
        "FACELIFT_RATE_LIMIT": "off",  # it has tests of its own
    }


@pytest.fixture(scope="session")
def shared_worker(
    environment: dict[str, str], traced: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    with worker(tmp_path_factory.mktemp("worker") / "log", environment | traced) as process:
        yield process


@pytest.fixture(scope="session")
def client(ledger_redis: RedisServer) -> Iterator[UploadClient]:
    with UploadClient(ledger_redis.url) as made:
        yield made
