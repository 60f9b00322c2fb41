"""Flower as a process, with a password, as docs/compose.md has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without
import requests

from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = ("flower", "a-password")


class Flower:
    """Starts at once; its log lies in a file."""

    def __init__(self, redis_url: str, log: Path) -> None:
        command = (sys.executable, "-m", "celery", f"--broker={redis_url}", "flower")
        environment = os.environ | {"FLOWER_BASIC_AUTH": ":".join(LOGIN)}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                (*command, "--address=127.0.0.1", "--port=0"),
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._session = requests.Session()
        self._session.auth = LOGIN

    def get(self, path: str) -> str:
        (port,) = self._ports()
        answer = self._session.get(f"http://127.0.0.1:{port}{path}", timeout=10)
        answer.raise_for_status()
        return answer.text

    def until_ready(self) -> None:
        eventually(self._ports, "Flower does not listen")
        eventually(lambda: json.loads(self.get("/api/workers?refresh=1")), "Flower sees no worker")

    def stop(self) -> None:
        self._session.close()
        self.process.kill()
        self.process.wait()

    def _ports(self) -> list[int]:
        connections = psutil.Process(self.process.pid).net_connections("tcp")
        return [each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN]
