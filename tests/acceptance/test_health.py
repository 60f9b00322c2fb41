"""Health means consuming: as real workers tell it, and what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from facelift import UploadClient
from tests.acceptance.world import eventually, worker

if TYPE_CHECKING:
    from pathlib import Path


def health(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "facelift.cli", "health"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_worker_is_healthy_while_it_consumes_and_gone_when_it_has_left(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {"FACELIFT_KEY_PREFIX": "healthy"}
    with UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="healthy") as client:
        with worker(tmp_path / "log", environment) as process:
            eventually(lambda: client.pool().workers, "the worker sends no heartbeat")
            (child,) = process.children
            (shown,) = client.pool().workers
            assert (shown.pid, shown.slots, shown.busy) == (child.pid, 20, 0)
            assert health(environment).returncode == 0
        assert client.pool().workers == ()
    done = health(environment)
    assert (done.returncode, "no worker on" in done.stdout) == (1, True)
