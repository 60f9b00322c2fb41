"""The receivers of docs/webhooks.md, run as they stand there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from tests.documents import blocks
from tests.unit.webhooks.test_payload import record
from worker.http import NoAnswer
from worker.webhooks import Signer, WebhookTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def snippet(language: str) -> str:
    (found,) = (each.text for each in blocks("webhooks.md") if each.language == language)
    return found


@pytest.fixture(params=["python", "js"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """Where the receiver in this language listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    if request.param == "python":
        runs = f"{snippet('python')}\n\napp.run('127.0.0.1', {port})\n"
        command = [sys.executable, "-c", runs]
    elif node := shutil.which("node"):
        command = [node, "-e", snippet("js")]
    else:
        pytest.skip("Node is not installed")
    environment = os.environ | {"FACELIFT_WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield port
        finally:
            process.terminate()


def send(port: int, at: float, *secrets: str) -> int:
    signer = Signer(map(SecretStr, secrets))
    url = f"http+private://127.0.0.1:{port}/facelift"
    for _ in range(500):
        try:
            return WebhookTarget.from_url(url, signer, 10).send(record(), at)
        except NoAnswer:
            time.sleep(0.02)  # it is not listening yet
    pytest.fail("it does not start")


def test_the_documented_server_accepts_signed_webhooks_only(port: int) -> None:
    now = time.time()
    assert send(port, now, SECRET) == 204
    assert send(port, now, OTHER, SECRET) == 204
    assert send(port, now, OTHER) == 401
    assert send(port, now - 600, SECRET) == 401
