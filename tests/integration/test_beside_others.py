"""The client inside somebody else's process: beside a Celery app, threads, forks, mypy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from facelift import JobState, UploadClient

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

    from sandbox.redis_server import RedisServer


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def client(redis_server: RedisServer, real_redis: Redis) -> UploadClient:  # noqa: ARG001 - it empties the server
    return UploadClient(redis_server.url)


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_client_imports_no_celery() -> None:
    code = (
        "import json, sys, facelift.cli.group\n"
        "from facelift import AsyncUploadClient, UploadClient\n"
        "print(json.dumps(list(sys.modules)))"
    )
    loaded = {name.partition(".")[0] for name in json.loads(run(code))}
    assert loaded & {"celery", "kombu", "requests", "PIL", "pydantic", "aiohttp"} == set()


BESIDE_CELERY = """
import sys
import celery
import logging

def state(app):
    return {
        "default": celery.current_app._get_current_object() is app,
        "settings": {name: repr(value) for name, value in sorted(app.conf.items())},
        "tasks": sorted(app.tasks),
        "queues": sorted(app.amqp.queues),
        "broker": app.connection_for_write().as_uri(),
        "loggers": [logging.root.handlers[:], logging.root.level],
    }

app = celery.Celery("shop", broker=sys.argv[1])
app.conf.task_default_queue = "shop"

@app.task(name="shop.ship")
def ship():
    pass

before = state(app)
from facelift import UploadClient
with UploadClient(sys.argv[1]) as client:
    job = client.enqueue("bot", "media:a.png")
    client.status(job.id)
    client.cancel(job.id)
assert state(app) == before, (before, state(app))
ship.delay()
"""


def test_another_celery_app_is_left_as_it_is(
    redis_server: RedisServer, client: UploadClient, real_redis: Redis
) -> None:
    run(BESIDE_CELERY, redis_server.url)
    assert real_redis.llen("shop") == 1  # its messages go where they went
    assert len(client.find().records) == 1


FORKING = """
import os, sys
from facelift import UploadClient

client = UploadClient(sys.argv[1])
client.enqueue("parent", "media:a.png", job_id="before")
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        for number in range(20):
            made = client.enqueue(f"{child}-{number}", "media:a.png", job_id=f"c{child}-{number}")
            assert made.id == client.status(made.id).id == f"c{child}-{number}"
        os._exit(0)
    children.append(pid)
for number in range(20):
    assert client.enqueue(f"p-{number}", "media:a.png", job_id=f"p-{number}").id == f"p-{number}"
assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
assert client.status("before").chatbot_id == "parent"
"""


def test_client_used_before_a_fork_is_used_after_it(
    redis_server: RedisServer, client: UploadClient
) -> None:
    run(FORKING, redis_server.url)
    assert len(client.find(limit=1000).records) == 1 + 3 * 20 + 20


def test_twenty_threads_share_a_client(client: UploadClient) -> None:
    wrong: list[str] = []

    def enqueue(thread: int) -> None:
        for number in range(10):
            name = f"{thread}-{number}"
            made = client.enqueue(name, "media:a.png", job_id=name)
            if (made.id, client.status(name).chatbot_id) != (name, name):
                wrong.append(name)

    threads = [threading.Thread(target=enqueue, args=(thread,)) for thread in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(client.find(limit=1000).records) == 200
    assert {each.state for each in client.find().records} <= {JobState.QUEUED, JobState.WAITING}


CONSUMER = """
from facelift import JobRecord, UploadClient
from facelift.testing.jobs import FaceliftJobs

client = UploadClient.from_env()
record: JobRecord = client.enqueue("bot", "media:a.png", fit="crop")
reveal_type(client.wait(record.id).outcome)
client.enqueue("bot", picture="media:a.png")  # no such field


def test(jobs: FaceliftJobs) -> None:
    reveal_type(jobs.run(503, "delivered"))
"""


def test_types_are_there_for_whoever_uses_the_package(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    (tmp_path / "consumer.py").write_text(CONSUMER)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-color-output", "consumer.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPY_CACHE_DIR": str(pytestconfig.rootpath / ".mypy_cache/consumer")},
        capture_output=True,
        text=True,
        check=False,
    )
    notes = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert [line for line in notes if line.startswith("note: Revealed")] == [
        'note: Revealed type is "facelift.codes.OutcomeCode | None"',
        'note: Revealed type is "list[facelift.record.JobRecord]"',
    ]
    errors = [line for line in notes if line.startswith("error:")]
    assert all("[call-arg]" in line and "enqueue" in line for line in errors), errors
    assert errors
