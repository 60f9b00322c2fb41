"""`facelift health`: do the workers on this host consume?"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from facelift import UploadClient
from facelift.cli.group import cli
from facelift.status.worker import WorkerReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

HERE = socket.gethostname()


@pytest.fixture
def health(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    return lambda *arguments: CliRunner().invoke(cli, ("health", *arguments))


def beat(
    client: UploadClient, pid: int, host: str = HERE, *, poll_age: float = 0.5, stalled: float = 0.0
) -> None:
    client.ledger.pool.heartbeat(
        WorkerReport(
            name=f"{host}:{pid}",
            host=host,
            pid=pid,
            version="0",
            age=100.0,
            poll_age=poll_age,
            slots=10,
            busy=10 if stalled else 0,
            stalled=stalled,
        )
    )


def test_workers_that_consume_are_healthy(
    client: UploadClient, health: Callable[..., Result]
) -> None:
    beat(client, 7)
    beat(client, 8)
    done = health()
    assert (done.exit_code, done.stdout) == (0, f"2 workers on {HERE}: consuming\n")


def test_one_that_does_not_consume_is_reported(
    client: UploadClient, health: Callable[..., Result]
) -> None:
    beat(client, 7)
    beat(client, 8, poll_age=30)
    done = health()
    assert done.exit_code == 1
    assert done.stdout == f"{HERE}:8: has room, but asked for no job for 30 s\n"


def test_one_whose_slots_are_all_stuck_is_reported(
    client: UploadClient, health: Callable[..., Result]
) -> None:
    beat(client, 7, stalled=59.5)
    assert health().exit_code == 0
    beat(client, 7, stalled=90)
    done = health()
    assert done.exit_code == 1
    assert done.stdout == f"{HERE}:7: all 10 slots are busy, and no job ended for 90 s\n"


def test_workers_elsewhere_do_not_count(
    client: UploadClient, health: Callable[..., Result]
) -> None:
    beat(client, 7, host="elsewhere")
    done = health()
    assert (done.exit_code, done.stdout) == (
        1,
        f"no worker on {HERE} has sent a heartbeat lately\n",
    )
    assert health("--host", "elsewhere").exit_code == 0


def test_health_is_reported_as_json(client: UploadClient, health: Callable[..., Result]) -> None:
    beat(client, 7)
    assert json.loads(health("--json").stdout) == {
        "consuming": True,
        "host": HERE,
        "workers": 1,
        "message": f"1 worker on {HERE}: consuming",
    }


def test_health_without_redis_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACELIFT_REDIS_URL", "redis://127.0.0.1:1/0")
    done = CliRunner().invoke(cli, ("health",))
    assert done.exit_code == 5
    assert done.stderr.startswith("facelift: Redis cannot be reached")
