"""Secrets stay in the worker: whatever happens, none is found anywhere else."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from celery import Celery

from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer, free_port
from tests.acceptance.flower import Flower
from tests.acceptance.hook import Hook
from tests.acceptance.scene import Scene
from tests.acceptance.traces import disguises, shows
from tests.acceptance.world import COMMAND, eventually, worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def make_key() -> str:
    """One that other spellings change."""
    return f"sk-{secrets.token_hex(6)}+/{secrets.token_urlsafe(9)}Zq~=="


IN_VARIABLE, IN_FILE, PLANTED = make_key(), make_key(), make_key()

SIGNING_KEY = secrets.token_bytes(32)
SIGNING_SECRET = b64encode(SIGNING_KEY).decode()  # behind whsec_
IN_URL = secrets.token_urlsafe(20)

# A defect of ours, where every part knows the API key.
DEFECT = """
import pathlib
from http.client import HTTPConnection

put = HTTPConnection.putheader
defect = pathlib.Path(__file__).with_name("defect")

def put_unless_defect(self, name, *values):
    if name == "Authorization" and defect.exists():
        defect.unlink()
        raise RuntimeError("a defect")
    return put(self, name, *values)

HTTPConnection.putheader = put_unless_defect
"""

# What goes into the log as JSON goes into a file as text besides.
BOTH_FORMS = """
import logging
from worker.monitoring import logs

configure = logs.configure_logging

def configure_both(*arguments):
    configure(*arguments)
    text = logging.FileHandler(pathlib.Path(__file__).with_name("text.log"))
    text.setFormatter(logs.Text())
    logging.getLogger().addHandler(text)

logs.configure_logging = configure_both
"""


def echo(key: str) -> dict[str, dict[str, Any]]:
    """Behaviours by chatbot: answers that give the key away, in every part that is read."""
    bearer = f"Bearer {key}"
    hidden = b64encode(f"Authorization: {bearer}".encode()).decode()
    headers = {
        "X-Echo": bearer,
        "X-Request-Id": key,
        "X-RateLimit-Remaining": key,
        "Set-Cookie": f"key={key}",
    }
    said: dict[str, dict[str, Any]] = {
        "success": {"status": 200, "body": {"message": f"Uploaded by {bearer}."}},
        "unauthorized": {"status": 401, "body": {"error": {"message": f"Who is {bearer}?"}}},
        "forbidden": {"status": 403, "body": {"error": {"code": key}}},
        "limited": {"status": 429, "body": {"message": hidden}, "headers": {"Retry-After": key}},
        "broken": {"status": 500, "body": {"message": "." * 185 + key}},
        "quoted": {"status": 503, "body": {"error": quote(key, safe="")}},
        "html": {"status": 400, "content_type": "text/html", "body": f"<h1>{bearer}</h1>"},
        "swapped": {"status": 404, "body": {"message": f"No {key.swapcase()}"}},
        "redirect": {"status": 302, "headers": {"Location": f"https://{key}.test/{key}?{key}"}},
    }
    return {
        name: {"fault": "status", "times": 1, **options}
        | {"headers": headers | options.get("headers", {})}
        for name, options in said.items()
    }


@contextmanager
def played(
    server: RedisServer,
    environment: dict[str, str],
    endpoint: EndpointProcess,
    hook: Hook,
    folder: Path,
) -> Iterator[Scene]:
    """The scene after everything has happened that may happen to a job."""
    (folder / "sitecustomize.py").write_text(DEFECT + BOTH_FORMS)
    (folder / "key").write_text(IN_FILE)
    metrics = free_port()
    settings = environment | {
        "FACELIFT_REDIS_URL": server.url,
        "FACELIFT_ENDPOINT_URL": endpoint.url,
        "FACELIFT_API_KEY": IN_VARIABLE,
        "FACELIFT_API_KEY_FILED_FILE": str(folder / "key"),
        "FACELIFT_WEBHOOK_URL": f"http+private://127.0.0.1:{hook.port}/{IN_URL}?token={IN_URL}",
        "FACELIFT_WEBHOOK_SECRET": f"whsec_{SIGNING_SECRET}",
        "FACELIFT_LOG_FORMAT": "json",
        "FACELIFT_METRICS_PORT": str(metrics),
        "FACELIFT_BREAKER_FAILURES": "2",
        "FACELIFT_BREAKER_PAUSE": "200ms",
        "FACELIFT_READ_TIMEOUT": "1s",
        "FACELIFT_REQUEST_TIMEOUT": "1s",
        "PYTHONPATH": str(folder),
    }
    command = (*COMMAND, "--log-level", "debug")
    with worker(folder / "worker.log", settings, command) as workers:
        flower = Flower(server.url, folder / "flower.log")
        scene = Scene(server, workers, flower, folder, metrics)
        try:
            flower.until_ready()
            play(scene, endpoint)
            hear(scene, hook)
            yield scene
        finally:
            flower.stop()
            scene.close()


def play(scene: Scene, endpoint: EndpointProcess) -> None:
    for account, key in (("default", IN_VARIABLE), ("filed", IN_FILE)):
        scene.enqueue(f"{account}-first", account=account)
        scene.outcomes()  # a key that works is not given up at once
        for name, rule in echo(key).items():
            endpoint.add_rule(f"{account}-{name}", **rule)
            scene.enqueue(f"{account}-{name}", account=account)
    endpoint.add_rule("slow", "delay", seconds=2, times=1)
    scene.enqueue("slow")
    scene.enqueue("bad-image", "media:portrait.jpg")
    assert set(scene.outcomes().values()) == {
        *("delivered", "forbidden", "bad_request", "chatbot_not_found"),
        *("unexpected_redirect", "image_not_square"),
    }

    (scene.folder / "defect").touch()
    scene.enqueue("defect")
    scene.outcomes()
    assert "RuntimeError: a defect" in scene.workers.log

    endpoint.add_rule("crash", "delay", seconds=0.9)
    crash = scene.enqueue("crash")
    eventually(lambda: scene.client.status(crash).state == "running", "it is not taken")
    (child,) = scene.workers.children
    child.kill()
    assert scene.outcomes()["crash"] == "delivered"
    assert scene.client.status(crash).lost_leases == 1


def hear(scene: Scene, hook: Hook) -> None:
    """A receiver of webhooks that gives away what it knows."""
    hook.reason = f"{SIGNING_SECRET} {IN_URL}"
    headers = {
        "Location": f"/{SIGNING_SECRET}/{IN_URL}",
        "Echo": f"{SIGNING_SECRET}\r\nno header at all",  # urllib3 logs it, with the URL
    }
    hook.answer("echo", 500, 302, 410, **headers)
    scene.enqueue("echo")
    eventually(lambda: "webhook given up" in scene.workers.log, "it is not given up")
    assert hook.verify(hook.received("echo")[-1])
    assert hook.paths == {f"/{IN_URL}?token={IN_URL}"}
    hook.go_down()
    scene.enqueue("unheard")
    eventually(lambda: "the target is not available" in scene.workers.log, "no try failed")
    hook.come_back()


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    made = Hook(SIGNING_SECRET)
    yield made
    made.go_down()


@pytest.fixture(scope="module")
def scene(
    redis_binary: Path,
    environment: dict[str, str],
    hook: Hook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("canary")
    with (
        RedisServer(folder / "redis", binary=redis_binary) as server,
        EndpointProcess(api_keys=[IN_VARIABLE, IN_FILE]) as endpoint,
        played(server, environment, endpoint, hook, folder) as made,
    ):
        yield made


def test_secrets_are_nowhere_but_in_the_worker(scene: Scene) -> None:
    of_webhooks = (SIGNING_SECRET, SIGNING_KEY.hex(), IN_URL)
    assert scene.places_that_show(IN_VARIABLE, IN_FILE, *of_webhooks) == set()


def test_every_line_of_the_log_is_an_object_and_a_defect_is_one_of_them(scene: Scene) -> None:
    lines = [json.loads(line) for line in scene.workers.log.splitlines()]
    assert {"time", "level", "message", "logger", "pid"} <= set.intersection(*map(set, lines))
    (defect,) = (each for each in lines if each["message"].startswith("unexpected error"))
    assert defect["job"] in scene.jobs
    assert defect["traceback"].endswith("RuntimeError: a defect")
    attempts = [each for each in lines if each["message"] == "attempt"]
    assert {"chatbot", "account", "attempt", "code", "duration", "decision"} <= set(attempts[0])
    assert {each["job"] for each in attempts} == set(scene.jobs)


@pytest.mark.parametrize("disguise", sorted(disguises(PLANTED)))
def test_search_sees_through_every_disguise(disguise: str) -> None:
    spelling = disguises(PLANTED)[disguise]
    assert shows(f"the key is {spelling.swapcase()}.", PLANTED)
    assert not shows(f"the key is {spelling[:-3]}.", PLANTED)


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_search_finds_a_key_anywhere_within_base64(
    before: str, encode: Callable[[bytes], bytes]
) -> None:
    assert shows(encode(f"{before}{PLANTED}, and more".encode()).decode(), PLANTED)


@pytest.mark.nightly  # the search itself is in every run
def test_search_finds_a_planted_key_everywhere(scene: Scene) -> None:
    job = scene.enqueue(PLANTED)
    scene.outcomes()
    with Celery("planter", broker=scene.server.url, set_as_current=False) as app:
        app.conf.event_exchange = "facelift.events"
        with app.events.default_dispatcher() as dispatcher:
            dispatcher.send("task-received", uuid="planted", name=PLANTED)
    eventually(lambda: "planted" in scene.flower.get("/api/tasks"), "Flower did not hear of it")
    scene.redis.sadd("{facelift}:accounts", PLANTED)  # the metrics have a label for it
    scene.redis.hset("{facelift}:account:" + PLANTED, mapping={"fingerprint": "a", "limit": "0"})
    scene.redis.set("string", PLANTED)
    scene.redis.hset("hash", PLANTED, "")
    scene.redis.rpush("list", "", PLANTED)
    scene.redis.sadd("set", PLANTED)
    scene.redis.zadd("zset", {PLANTED: 1})
    scene.redis.xadd("stream", {"field": PLANTED})
    scene.redis.set(PLANTED, "")
    with subprocess.Popen(
        (sys.executable, "-c", "input()", PLANTED), stdin=subprocess.PIPE
    ) as process:
        found = scene.places_that_show(PLANTED)
        process.communicate(b"\n")
    types = ("string", "hash", "list", "set", "zset", "stream")
    assert found >= {
        *(f"Redis key {name}" for name in (*types, PLANTED, "{facelift}:job:" + job)),
        f"command line of {process.pid}",
        "worker's log",
        "worker's log as text",
        "metrics",
        "Celery's events",
        "Flower /api/tasks",
        "Flower /task/planted",
        f"facelift status {job} --json",
    }
    assert any(place.startswith("file appendonly") for place in found)
