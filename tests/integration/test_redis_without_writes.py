"""A Redis that is full, or cannot save, is named as such, and what only reads still reads."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from redis import Redis
from redis.exceptions import ResponseError

from facelift import UploadClient
from facelift.aio import AsyncUploadClient
from facelift.cli.exits import Exit
from facelift.cli.group import cli
from facelift.errors import LedgerRefused
from facelift.status.worker import WorkerReport
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.real_redis


@pytest.fixture(params=["full", "unsaved", "unsaved on Valkey"])
def refusing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The URL of a Redis that takes no writes, a job in it, and what is the matter with it."""
    valkey = request.param.endswith("Valkey")
    binary = request.getfixturevalue("valkey_binary" if valkey else "redis_binary")
    folder = tmp_path / "redis"
    with RedisServer(folder, binary=binary) as server, Redis.from_url(server.url) as redis:
        with UploadClient(server.url) as client:
            job = client.enqueue("bot", "media:a.png").id
            report = WorkerReport(name="w", host="host", pid=1, version="1", slots=1, age=1)
            client.ledger.pool.heartbeat(report)
        if request.param == "full":
            redis.config_set("maxmemory", "1mb")
        else:
            redis.config_set("save", "1 1")
            shutil.rmtree(folder)  # so that no snapshot can be written
            redis.bgsave()
            deadline = time.monotonic() + 5
            while redis.info()["rdb_last_bgsave_status"] == "ok" and time.monotonic() < deadline:
                time.sleep(0.01)
        with pytest.raises(ResponseError):
            redis.set("key", "value")
        cause = "Redis is full" if request.param == "full" else "Redis cannot save to its disk"
        yield server.url, job, cause
        server.kill()  # it would not stop without a snapshot


def test_doctor_names_the_cause_and_reading_commands_read(
    monkeypatch: pytest.MonkeyPatch, refusing: tuple[str, str, str]
) -> None:
    url, job, cause = refusing
    monkeypatch.setenv("FACELIFT_REDIS_URL", url)
    monkeypatch.delenv("FACELIFT_API_KEY", raising=False)
    for command, code in (
        (["status"], Exit.OK),
        (["status", job], Exit.PENDING),
        (["show", job], Exit.PENDING),
        (["list"], Exit.OK),
        (["batch", "list"], Exit.OK),
        (["top", "--once"], Exit.OK),
        (["health", "--host", "host"], Exit.OK),
    ):
        said = CliRunner().invoke(cli, command)
        assert said.exit_code == code, (command, said.output)
    said = CliRunner().invoke(cli, ["doctor"])
    assert said.exit_code == Exit.NO_REDIS
    assert f"FAIL  Redis        answers, but takes no writes. {cause}" in said.output
    said = CliRunner().invoke(cli, ["enqueue", "bot", "media:a.png"])
    assert said.exit_code == Exit.NO_REDIS
    assert cause in said.output


def test_an_asynchronous_client_reads_too(refusing: tuple[str, str, str]) -> None:
    url, job, cause = refusing

    async def read() -> str:
        async with AsyncUploadClient(url) as client:
            with pytest.raises(LedgerRefused, match=cause):
                await client.enqueue("bot", "media:a.png")
            return (await client.status(job)).state

    assert asyncio.run(read()) == "queued"
