"""Two containers whose host and process ids are the same are two workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from facelift import UploadClient
from tests.acceptance.world import eventually, worker
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis import Redis

# Process 1 of a namespace of its own, on a host with a name that others have too.
CONTAINER = ("unshare", "--pid", "--fork", "--uts", "--kill-child", "sh", "-c")
COMMAND = (*CONTAINER, f"hostname same && exec {sys.executable} -P -m worker info")


@contextmanager
def container(log: Path, environment: dict[str, str]) -> Iterator[None]:
    with worker(log, environment, COMMAND) as process:
        try:
            yield
        finally:  # unshare waits for it, and passes no signal on
            for child in process.children:
                child.terminate()
            process.process.wait(30)


@pytest.mark.nightly
@pytest.mark.usefixtures("endpoint")
def test_workers_of_one_name_are_two_rows_and_two_celery_nodes(
    environment: dict[str, str], tmp_path: Path, real_redis: Redis, redis_server: Any
) -> None:
    probe = (*CONTAINER, "hostname same")
    if not shutil.which("unshare") or subprocess.run(probe, check=False).returncode:
        missing("namespaces cannot be made here")
    environment = environment | {"FACELIFT_REDIS_URL": redis_server.url}

    def nodes() -> set[str]:
        keys = real_redis.scan_iter("_kombu.binding.*pidbox*")
        bound = [str(member, "utf-8") for key in keys for member in real_redis.smembers(key)]  # type: ignore[arg-type] # bytes, as the client was made
        return {part for each in bound for part in each.split("\x06\x16") if "@" in part}

    with (
        UploadClient(redis_server.url) as client,
        container(tmp_path / "1", environment),
    ):
        with container(tmp_path / "2", environment):
            eventually(lambda: len(client.pool().workers) == 2, "there are no two rows")
            found = client.pool().workers
            assert {(each.host, each.pid) for each in found} == {("same", 1)}
            expected = {f"facelift@{each.name}.facelift.pidbox" for each in found}
            eventually(lambda: nodes() >= expected, f"not {expected}: {nodes()}")
        eventually(lambda: len(client.pool().workers) == 1, "its row outlives it")
        job = client.enqueue("bot-same", "media:good.png").id
        record = client.wait(job, 30)
        assert record.outcome == "delivered"
        assert record.worker == client.pool().workers[0].name
