"""Metrics of a real worker of two processes, by itself and as a real Prometheus sees it."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from facelift import UploadClient
from sandbox.redis_server import free_port
from tests.acceptance.prometheus import (
    alert_metrics,
    dashboard_queries,
    prometheus,
    promtool,
)
from tests.acceptance.world import COMMAND, WorkerProcess, eventually, worker
from tests.unit.test_docs import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess


class Watched:
    """A worker of two processes whose port is open, and jobs for it.

    Attributes:
        delivered: how many of these were.
    """

    def __init__(self, process: WorkerProcess, client: UploadClient, port: int) -> None:
        self.process = process
        self.client = client
        self.port = port
        self.delivered = 0
        self._numbers = count(1)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name with these labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = (each for family in families for each in family.samples if each.name == name)
        return sum(each.value for each in samples if labels.items() <= each.labels.items())

    def deliver(self, image: str = "media:good.png", chatbot: str = "") -> None:
        """Do a job, whatever becomes of it."""
        job = self.client.enqueue(chatbot or f"watched-{next(self._numbers)}", image)
        self.delivered += self.client.wait(job.id, 30).outcome == "delivered"

    def until_counted(self) -> None:
        """A worker counts a delivery just after it recorded it."""
        eventually(
            lambda: self.value("facelift_delivery_seconds_count") == self.delivered,
            f"not {self.delivered} deliveries are counted",
        )


@pytest.fixture(scope="module")
def watched(
    environment: dict[str, str], traced: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    port = free_port()
    settings = (
        environment
        | traced
        | {
            "FACELIFT_KEY_PREFIX": "watched",
            "FACELIFT_METRICS_PORT": str(port),
            "FACELIFT_RATE_LIMIT": "1000/10s",
        }
    )
    with (
        UploadClient(environment["FACELIFT_REDIS_URL"], key_prefix="watched") as client,
        worker(folder / "log", settings, (*COMMAND, "--processes", "2")) as process,
    ):
        made = Watched(process, client, port)
        eventually(lambda: made.get("/readyz").ok, "it does not get ready")
        yield made


def test_what_becomes_of_jobs_is_counted_over_all_processes(
    watched: Watched, endpoint: EndpointProcess
) -> None:
    endpoint.add_rule("broken", "status", status=500, times=1)
    watched.deliver(chatbot="broken")
    for _ in range(5):
        watched.deliver()
    watched.deliver("media:portrait.jpg")
    watched.until_counted()
    assert watched.value("facelift_attempts_total", code="delivered", status="200") >= 6
    assert watched.value("facelift_attempts_total", code="server_error", status="500") == 1
    assert watched.value("facelift_image_rejections_total", code="image_not_square") >= 1
    assert watched.value("facelift_pool_jobs_ended_total", outcome="delivered") >= 6
    assert watched.value("facelift_worker_slots") == 40
    assert watched.value("facelift_pool_consuming_workers") == 2


def test_process_that_takes_the_place_of_another_counts_on(watched: Watched) -> None:
    for _ in range(6):  # so that both have some
        watched.deliver()
    watched.until_counted()
    for child in watched.process.children:
        child.kill()
    eventually(lambda: not watched.get("/readyz").ok, "the missing process is not reported")
    eventually(lambda: watched.value("facelift_worker_restarts_total") >= 2, "not counted")
    eventually(lambda: watched.get("/readyz").ok, "no others come")
    watched.deliver()
    watched.until_counted()
    assert watched.value("facelift_worker_slots") == 40


def test_every_metric_is_documented_as_it_is(watched: Watched) -> None:
    watched.deliver()
    watched.deliver("media:portrait.jpg")
    documented = {row[0]: row for row in rows("monitoring.md") if row[0].startswith("`facelift_")}
    shown = {}
    for family in text_string_to_metric_families(watched.get("/metrics").text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for each in family.samples for label in each.labels} - {"le"})
        cells = ", ".join(f"`{label}`" for label in labels)
        row = [f"`{name}`", family.type, cells, family.documentation]
        if not family.samples:  # nothing is in trouble: its labels are not to be seen
            row[2] = documented[row[0]][2]
        shown[row[0]] = row
    assert documented == shown


@pytest.mark.nightly  # counting is in every run
def test_no_file_is_left_when_it_ends(environment: dict[str, str], tmp_path: Path) -> None:
    settings = environment | {
        "FACELIFT_KEY_PREFIX": "leaves",
        "FACELIFT_METRICS_PORT": str(free_port()),
    }
    with worker(tmp_path / "log", settings) as process:
        (child,) = process.children
        (folder,) = {
            os.path.dirname(each.path)  # noqa: PTH120 - as the system tells it
            for each in child.memory_maps()
            if each.path.endswith(".db")
        }
        assert process.stop() == 0
    assert not os.path.exists(folder)  # noqa: PTH110 - the same


def test_invalid_port_is_reported(environment: dict[str, str], tmp_path: Path) -> None:
    settings = os.environ | environment | {"FACELIFT_METRICS_PORT": "0"}
    process = WorkerProcess(COMMAND, settings, tmp_path / "log")
    assert process.process.wait(30) == 2
    expected = "facelift: FACELIFT_METRICS_PORT must be a port from 1 to 65535, or off\n"
    assert process.log == expected


def test_alert_rules_are_sound_and_alert_when_they_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_dashboard_and_alerts_find_what_they_ask_for(watched: Watched, tmp_path: Path) -> None:
    queries = dashboard_queries()
    queries |= {f"alerts: {name}": name for name in alert_metrics()}
    with prometheus(tmp_path, watched.port) as server:
        missing = set(queries)

        def ask() -> bool:
            watched.deliver()
            watched.deliver("media:portrait.jpg")
            missing.difference_update([name for name in missing if server.query(queries[name])])
            return not missing

        eventually(ask, "some find nothing")
        rules = server.rules()
        eventually(
            lambda: {rule["health"] for rule in server.rules()} == {"ok"}, "rules cannot be run"
        )
    assert len(rules) == 19
