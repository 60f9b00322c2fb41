"""Flower as a process, with a password and our configuration, as docs/flower.md has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without
import requests

from tests.acceptance.world import eventually

LOGIN = ("flower", "a-password")
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "flower" / "flowerconfig.py"


class Flower:
    """Starts at once; its log lies in a file.

    Args:
        redis_url: the ledger's.
        log: the file.
        options: further ones for its command line.
        environment: variables besides.
    """

    def __init__(self, redis_url: str, log: Path, *options: str, **environment: str) -> None:
        command = (sys.executable, "-m", "celery", "-A", "monitor.app", "flower")
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                (*command, f"--conf={CONFIGURATION}", "--port=0", *options),
                env=os.environ
                | {"FLOWER_BASIC_AUTH": ":".join(LOGIN), "FACELIFT_REDIS_URL": redis_url}
                | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._session = requests.Session()
        self._session.auth = LOGIN

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        port = self._ports()[0]
        return f"http://{host}:{port}{path}"

    def get(self, path: str) -> str:
        answer = self._session.get(self.url(path), timeout=10)
        answer.raise_for_status()
        return answer.text

    def post(self, path: str, **fields: str) -> requests.Response:
        return self._session.post(self.url(path), data=fields, timeout=10)

    def row(self, job_id: str) -> dict[str, Any]:
        """What the page of all tasks shows of one; nothing if it is not there."""
        columns = {"draw": "1", "start": "0", "length": "1000", "order[0][column]": "0"}
        answer = self.post("/tasks/datatable", **columns, **{"columns[0][data]": "received"})
        answer.raise_for_status()
        return next((row for row in answer.json()["data"] if row["uuid"] == job_id), {})

    def state(self, job_id: str) -> str | None:
        """The state that Flower itself remembers."""
        task: dict[str, Any] = json.loads(self.get("/api/tasks")).get(job_id, {})
        return task.get("state")

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
