"""Debian's `prometheus` and `promtool`, and a server of the one that scrapes a worker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from sandbox.redis_server import free_port
from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"

CONFIG = """
global: {{scrape_interval: 500ms, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: facelift
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def program(name: str) -> str:
    """Where it is; without it the test is skipped, and fails in CI."""
    if path := shutil.which(name):
        return path
    message = f"there is no {name}; Debian has it in the package prometheus"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def promtool(*words: str) -> str:
    """What it says; fails if it is not content."""
    done = subprocess.run(
        (program("promtool"), *words),
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dashboard_queries() -> dict[str, str]:
    """What the dashboard asks for, by panel and letter; with a short time for rates."""
    dashboard = json.loads((DEPLOY / "grafana" / "facelift.json").read_text("utf-8"))
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "10s")
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }


def alert_metrics() -> set[str]:
    """The metrics that the alerts ask for."""
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
    rules = (rule for group in alerts["groups"] for rule in group["rules"])
    return {name for rule in rules for name in re.findall(r"facelift_\w+", rule["expr"])}


class Prometheus:
    """A server that has just been started."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def is_ready(self) -> bool:
        try:
            return bool(self.query("up == 1"))
        except requests.RequestException:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression yields now."""
        answer = self._get("/query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("/rules")["data"]["groups"] for rule in group["rules"]]

    def _get(self, path: str, **asked: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(self._url + path, params=asked, timeout=10).json()
        return found


@contextmanager
def prometheus(folder: Path, scraped: int) -> Iterator[Prometheus]:
    """A server that scrapes the port `scraped`, with our rules."""
    config = folder / "prometheus.yml"
    rules = DEPLOY / "prometheus" / "alerts.yml"
    config.write_text(CONFIG.format(rules=rules, port=scraped))
    port = free_port()
    command = (
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        server = Prometheus(port)
        eventually(server.is_ready, "Prometheus does not scrape the worker")
        yield server
    finally:
        process.kill()
        process.wait()
