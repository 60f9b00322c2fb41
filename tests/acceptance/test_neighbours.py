"""Other Celery apps, and another installation of Facelift, on the Redis of our workers."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from redis import Redis

from facelift import UploadClient
from sandbox.redis_server import RedisServer
from tests.acceptance.pool import worker_pool
from tests.acceptance.world import eventually, worker
from tests.fuzz_messages import entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess
    from tests.acceptance.world import WorkerProcess

# Of another app, where services share an environment; each of them misled a worker, or ended it.
OF_ANOTHER_APP = {
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_READ_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_WRITE_URL": "redis://127.0.0.1:1/0",
    "CELERY_RESULT_BACKEND": "redis://127.0.0.1:1/0",
    "CELERY_CONFIG_MODULE": "shop.celeryconfig",
    "CELERY_LOADER": "shop.loader:Loader",
    "CELERY_CUSTOM_WORKER_POOL": "shop.pool:Pool",
    "CELERY_WORKER_CONCURRENCY": "many",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "RESULT_BACKEND": "redis://127.0.0.1:1/0",
    "APP": "shop.celery",
    "LOADER": "shop.loader:Loader",
    "CONFIG_MODULE": "shop.celeryconfig",
    "DJANGO_SETTINGS_MODULE": "shop.settings",
    "PICKLE_PROTOCOL": "newest",
    "C_FORCE_ROOT": "1",
}


@pytest.fixture
def neighbour(redis_binary: Path, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a neighbour uses too."""
    with RedisServer(tmp_path / "shared", binary=redis_binary) as server:
        yield server


def celery(url: str, prefix: str = "") -> Celery:
    """A Celery app that controls its neighbours', or those of an installation of Facelift."""
    app = Celery("controller", broker=url, set_as_current=False)
    if prefix:
        app.conf.control_exchange = prefix
    return app


def nodes(url: str, prefix: str = "") -> list[str]:
    """The workers that answer to a ping."""
    with celery(url, prefix) as app:
        return [name for answer in app.control.ping(timeout=1) for name in answer]


def test_two_installations_and_another_apps_control_share_a_redis(
    neighbour: RedisServer,
    environment: dict[str, str],
    endpoint: EndpointProcess,
    tmp_path: Path,
) -> None:
    own = environment | OF_ANOTHER_APP | {"FACELIFT_REDIS_URL": neighbour.url}
    folders = [tmp_path / name for name in ("staging", "production")]
    for folder in folders:
        folder.mkdir()
    with (
        worker_pool(folders[0], own | {"FACELIFT_KEY_PREFIX": "staging"}, endpoint, 1) as staging,
        worker_pool(folders[1], own | {"FACELIFT_KEY_PREFIX": "production"}, endpoint, 1) as live,
        Redis.from_url(neighbour.url, decode_responses=True) as redis,
        redis.pubsub() as heard,
        celery(neighbour.url) as other,
    ):
        other.control.shutdown()
        assert nodes(neighbour.url) == []
        heard.psubscribe("/0.celeryev*", "/0.celery.pidbox*")
        assert len(nodes(neighbour.url, "staging")) == len(nodes(neighbour.url, "production")) == 1
        assert nodes(neighbour.url, "staging") != nodes(neighbour.url, "production")
        staging.client.pause(by="ana")
        held = staging.enqueue("default")
        assert live.outcomes(live.enqueue("default", 3)) == {"delivered"}
        assert staging.client.status(held[0]).state == "waiting"
        staging.client.resume()
        assert staging.outcomes(held) == {"delivered"}
        assert [len(pool.status().workers) for pool in (staging, live)] == [1, 1]
        names: list[str] = list(redis.scan_iter(count=1000))
        strange = [
            name
            for name in names
            if not name.startswith(("{staging}:", "{production}:", "_kombu.binding"))
            or name.endswith((".celery.pidbox", ".celeryev", ".celery"))
        ]
        assert [name for name in strange if name not in {"staging", "production"}] == []
        messages = [heard.get_message(timeout=0.1) for _ in range(10)]
        assert [each for each in messages if each and each["type"] == "pmessage"] == []
        assert staging.workers.process.poll() is live.workers.process.poll() is None


def test_flower_takes_nothing_of_another_apps_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in OF_ANOTHER_APP.items():
        if name != "PICKLE_PROTOCOL":  # kombu reads it when Flower's own command begins
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("FACELIFT_REDIS_URL", "redis://:secret@ours:6379/3")
    code = (
        "from monitor.app import app\n"
        "for connection in app.connection_for_read(), app.connection_for_write():\n"
        "    print(connection.as_uri())\n"
        "print(app.conf.control_exchange, app.conf.event_exchange, app.conf.result_backend)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    uri = "redis://:**@ours:6379/3"
    assert done.stdout.split() == [uri, uri, "facelift", "facelift.events", "None"], done.stderr


@pytest.mark.usefixtures("endpoint")
def test_worker_on_a_unix_socket_shows_its_password_to_nobody(
    redis_binary: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    socket = tmp_path / "Redis 1.sock"
    with RedisServer(
        tmp_path / "redis", binary=redis_binary, arguments=("--unixsocket", str(socket))
    ) as server:
        with Redis.from_url(server.url) as redis:
            redis.execute_command(
                "ACL", "SETUSER", "worker", "on", ">canary-secret", "~*", "&*", "+@all"
            )
        url = f"unix://worker:canary-secret@{str(socket).replace(' ', '%20')}?db=0"
        with (
            worker(tmp_path / "log", environment | {"FACELIFT_REDIS_URL": url}) as process,
            UploadClient(server.url) as client,
        ):
            assert (
                client.wait(client.enqueue("bot", "media:good.png").id, 30).outcome == "delivered"
            )
            with celery(server.url, "facelift") as app:
                inspect = app.control.inspect(timeout=2)
                shown = json.dumps([inspect.stats(), inspect.conf(with_defaults=True)])
            assert "unix-socket" in shown
            assert "canary-secret" not in shown + process.log


NEIGHBOUR = """
import sys, time
from celery import Celery
from redis import Redis

app = Celery("shop", broker=sys.argv[1])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, worker_pool="threads",
                worker_concurrency=2)

@app.task(name="shop.report")
def report(seconds):
    Redis.from_url(sys.argv[1]).incr("shop-runs")
    time.sleep(seconds)
    Redis.from_url(sys.argv[1]).incr("shop-ends")

app.worker_main(["worker", "--loglevel=info"])
"""


@pytest.mark.nightly
@pytest.mark.timeout(400)
def test_long_tasks_of_a_neighbour_run_once(
    neighbour: RedisServer, environment: dict[str, str], endpoint: EndpointProcess, tmp_path: Path
) -> None:
    del endpoint
    shop = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, neighbour.url])
    try:
        with (
            worker(tmp_path / "log", environment | {"FACELIFT_REDIS_URL": neighbour.url}),
            Redis.from_url(neighbour.url, decode_responses=True) as redis,
            celery(neighbour.url) as app,
        ):
            for _ in range(2):
                app.send_task("shop.report", args=[290])
            eventually(lambda: redis.get("shop-runs") == "2", "the neighbour does not work")
            eventually(lambda: redis.get("shop-ends") == "2", "its tasks do not end", 320)
            time.sleep(5)
            assert (redis.get("shop-runs"), redis.llen("celery")) == ("2", 0)
    finally:
        shop.terminate()
        shop.wait(60)


def test_flood_of_odd_entries_ends_no_worker(
    shared_worker: WorkerProcess, ledger_redis: RedisServer, client: UploadClient, endpoint: Any
) -> None:
    rng = random.Random(7)
    with Redis.from_url(ledger_redis.url) as redis:
        before = len(client.refused_messages(1_000))
        for _ in range(300):
            redis.lpush("facelift", entry(rng))
        job = client.enqueue("bot-after", "media:good.png")
        assert client.wait(job.id, 30).outcome == "delivered"
        eventually(lambda: redis.exists("{facelift}:unacked") == 0, "some are not acknowledged")
    assert len(client.refused_messages(1_000)) > before
    assert shared_worker.log.count("ready:") == 1
    assert endpoint.arrivals()
