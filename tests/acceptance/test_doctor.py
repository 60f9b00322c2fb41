"""`facelift doctor` beside a real worker."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.world import COMMAND, eventually

if TYPE_CHECKING:
    from facelift import UploadClient
    from sandbox.endpoint.process import EndpointProcess


@pytest.mark.usefixtures("shared_worker")
def test_a_worker_that_consumes_is_found_well(
    environment: dict[str, str], client: UploadClient, endpoint: EndpointProcess
) -> None:
    eventually(lambda: client.pool().workers, "no worker has sent a heartbeat")
    done = subprocess.run(
        [*COMMAND[:-1], "doctor", "--json"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = {
        found["check"]: (found["verdict"], found["message"]) for found in json.loads(done.stdout)
    }
    assert shown["Workers"][0] == "OK"
    assert shown["Workers"][1].endswith("all consuming")
    assert shown["Endpoint"][0] == shown["Store media"][0] == "OK"
    assert done.returncode == 0
    assert endpoint.arrivals() == []
