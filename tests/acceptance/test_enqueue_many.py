"""`facelift enqueue-many` as a process that is stopped halfway and repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from facelift.client import UploadClient
from facelift.errors import BatchNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from sandbox.redis_server import RedisServer

LINES = b"chatbot_id,image\n" + b"".join(b"bot-%d,media:%d.png\n" % (n, n) for n in range(700))
HALF = LINES[: LINES.index(b"bot-500,")]
SOON = 30.0


@pytest.fixture
def client(redis_server: RedisServer, real_redis: Redis) -> Iterator[UploadClient]:  # noqa: ARG001 - it empties the server
    with UploadClient(redis_server.url) as client:
        yield client


def begin(redis_server: RedisServer) -> subprocess.Popen[bytes]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("FACELIFT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "facelift.cli", "enqueue-many", "-", "--batch", "logos"],
        env=environ | {"FACELIFT_REDIS_URL": redis_server.url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def total(client: UploadClient) -> int:
    try:
        return client.batch("logos").total
    except BatchNotFound:
        return 0


@pytest.mark.parametrize(
    "stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.nightly)]
)
def test_repeated_after_it_was_stopped_it_gives_each_job_once(
    client: UploadClient, redis_server: RedisServer, stop: signal.Signals
) -> None:
    with begin(redis_server) as first:
        assert first.stdin
        first.stdin.write(HALF)
        first.stdin.flush()
        deadline = time.monotonic() + SOON
        while total(client) < 400:  # two rounds; it waits for the lines of the third
            assert time.monotonic() < deadline, "it does not get on"
            time.sleep(0.01)
        first.send_signal(stop)
        out, err = first.communicate(timeout=SOON)
    if stop == signal.SIGINT:
        assert first.returncode == 1
        assert b"Not finished. Repeat it: no job is enqueued twice.\n" in err
        assert b"Traceback" not in err
    with begin(redis_server) as again:
        out, err = again.communicate(LINES, timeout=SOON)
    assert (again.returncode, err) == (0, b"")
    assert b"Jobs      300 enqueued, 400 enqueued before\n" in out
    assert client.batch("logos").total == 700
    page = client.find(batch="logos", limit=1000)
    assert {record.chatbot_id for record in page.records} == {f"bot-{n}" for n in range(700)}
