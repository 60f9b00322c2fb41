"""The pages for producers, followed: each of their blocks is run as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest
import requests

from tests.acceptance.world import eventually
from tests.documents import DOCS, blocks, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facelift import UploadClient
    from sandbox.endpoint.process import EndpointProcess
    from sandbox.redis_server import RedisServer

pytestmark = pytest.mark.usefixtures("shared_worker", "endpoint")

CHATBOT = "5QHA6VB-DIAbBhxwqxfdi"
EXAMPLE = DOCS.parent / "examples" / "node"
PAGES = [f"producers/{path.name}" for path in sorted((DOCS / "producers").glob("*.md"))]
NPM_CI = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


@pytest.fixture(scope="module")
def environ(ledger_redis: RedisServer) -> dict[str, str]:
    """What a producer has; Python programs find our package as they would an installed one."""
    kept = ("PATH", "HOME", "TMPDIR")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return found | {"FACELIFT_REDIS_URL": ledger_redis.url}


def run(folder: Path, environ: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_shell(page: str, folder: Path, environ: dict[str, str]) -> str:
    """All blocks for a shell, one after the other in one shell."""
    script = "\n".join(block.text for block in blocks(page) if block.language == "sh")
    return run(folder, environ, "bash", "-euo", "pipefail", "-c", script)


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_block_that_no_test_runs(page: str) -> None:
    for block in blocks(page):
        if block.language in {"python", "js"}:
            assert block.name, block.text
        elif block.language == "console":  # installing, and starting what tests start
            commands = re.findall(r"^\$ (\S+)", block.text, re.MULTILINE)
            assert set(commands) <= {
                "pip",
                "export",
                "cd",
                "node",
                "FLOWER_BASIC_AUTH=producer:a-password",
            }
        else:
            assert block.language == "sh"


def test_page_is_in_the_index() -> None:
    index = (DOCS / "producers.md").read_text("utf-8")
    assert [page for page in PAGES if f"({page})" not in index] == []


def test_python_page(tmp_path: Path, environ: dict[str, str], endpoint: EndpointProcess) -> None:
    write_files("producers/python.md", tmp_path)
    printed = run(tmp_path, environ, sys.executable, "producer.py")
    assert printed.startswith("succeeded delivered Delivered: ")
    assert endpoint.image(CHATBOT)
    run(tmp_path, environ, sys.executable, "metadata.py")
    assert run(tmp_path, environ, sys.executable, "many.py") == "20 delivered\n"
    assert " delivered\n" in run(tmp_path, environ, sys.executable, "outcomes.py")


def test_python_page_inside_another_celery_app(
    tmp_path: Path, environ: dict[str, str], client: UploadClient
) -> None:
    write_files("producers/python.md", tmp_path)
    script = "from shop import change_picture; print(change_picture('bot-shop', 'bots/42.png'))"
    shop = environ | {"SHOP_BROKER_URL": environ["FACELIFT_REDIS_URL"]}
    job = run(tmp_path, shop, sys.executable, "-c", script).strip()
    assert client.wait(job).outcome == "delivered"


DJANGO = """
import json, sys, time
import django
from django.conf import settings

settings.configure(
    ROOT_URLCONF="pictures.urls",
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.test import Client

client, job = Client(), sys.argv[1]
assert client.get(f"/pictures/{job}").status_code == 404
answer = client.post(
    "/bots/bot-django/picture",
    {"path": "bots/42.png", "request_id": job},
    content_type="application/json",
)
assert (answer.status_code, answer.json()) == (202, {"job": job}), answer.content
while (record := client.get(f"/pictures/{job}").json())["outcome"] is None:
    time.sleep(0.05)
print(json.dumps(record))
"""


def test_django_page(tmp_path: Path, environ: dict[str, str], client: UploadClient) -> None:
    write_files("producers/django.md", tmp_path)
    job = str(uuid.uuid4())
    printed = json.loads(run(tmp_path, environ, sys.executable, "-c", DJANGO, job))
    record = client.status(job)
    assert record.chatbot_id == "bot-django"
    assert printed == {"state": "succeeded", "outcome": "delivered", "message": record.message}


FASTAPI = """
import json
from fastapi.testclient import TestClient
from main import app

with TestClient(app) as client:
    assert client.get("/pictures/nobody").status_code == 404
    refused = client.post("/bots/bot-fastapi/picture", json={"path": ""})
    assert refused.status_code == 422 and "image: must be" in refused.json()["detail"]
    answer = client.post("/bots/bot-fastapi/picture", json={"path": "bots/42.png"})
    assert answer.status_code == 202
    job = answer.json()["job"]
    while not (record := client.get(f"/pictures/{job}?wait=20").json())["outcome"]:
        pass
    print(json.dumps(record))
"""


def test_fastapi_page(tmp_path: Path, environ: dict[str, str]) -> None:
    write_files("producers/fastapi.md", tmp_path)
    printed = json.loads(run(tmp_path, environ, sys.executable, "-W", "error", "-c", FASTAPI))
    assert (printed["state"], printed["outcome"]) == ("succeeded", "delivered")


def test_redis_cli_page(tmp_path: Path, environ: dict[str, str], endpoint: EndpointProcess) -> None:
    need("bash", "redis-cli", "base64")
    printed = run_shell("producers/redis-cli.md", tmp_path, environ)
    assert endpoint.image(CHATBOT)
    assert "\nsucceeded\ndelivered\nDelivered: " in printed  # HMGET
    assert printed.count("finished_at\n") >= 3  # HGETALL, XREAD, XREADGROUP
    assert printed.endswith("\n1\n")  # XACK


def test_node_page_shows_the_example() -> None:
    (shown,) = [block.text for block in blocks("producers/node.md") if block.language == "js"]
    assert shown == (EXAMPLE / "enqueue.js").read_text("utf-8")


def test_lock_for_node_names_no_registry() -> None:
    assert '"resolved"' not in (EXAMPLE / "package-lock.json").read_text("utf-8")


def test_node_page(
    tmp_path: Path, environ: dict[str, str], endpoint: EndpointProcess, client: UploadClient
) -> None:
    need("node", "npm")
    for name in ("package.json", "package-lock.json", ".npmrc", "enqueue.js"):
        shutil.copy(EXAMPLE / name, tmp_path)
    npm = {name: value for name, value in os.environ.items() if not name.startswith("FACELIFT_")}
    done = subprocess.run(
        NPM_CI, cwd=tmp_path, env=npm, capture_output=True, text=True, check=False, timeout=100
    )
    if done.returncode:
        pytest.skip(f"npm ci failed: {done.stderr[-500:]}")
    printed = run(tmp_path, environ, "node", "enqueue.js", CHATBOT, "media:bots/42.png")
    job, _, rest = printed.partition(" ")
    assert rest.startswith("succeeded delivered: Delivered: ")
    assert client.status(job).chatbot_id == CHATBOT
    assert endpoint.image(CHATBOT)


@pytest.fixture(scope="module")
def flower(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[dict[str, str]]:
    """The Flower of the page, at another port; what the page has one set besides."""
    (console,) = [block for block in blocks("producers/http.md") if block.language == "console"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    text = console.text.replace("5556", port).replace("\\\n", "")
    _, start, export = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    login, command = start.split(" ", 1)
    variables = dict(each.split("=", 1) for each in export.removeprefix("export ").split())
    arguments = command.replace('"$FACELIFT_REDIS_URL"', environ["FACELIFT_REDIS_URL"]).split()
    folder = tmp_path_factory.mktemp("flower")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", *arguments),
            cwd=folder,
            env=environ | dict([login.split("=", 1)]),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: listens(int(port)), "Flower does not listen")
        yield variables
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_http_page(
    tmp_path: Path, environ: dict[str, str], flower: dict[str, str], client: UploadClient
) -> None:
    need("bash", "curl")
    printed = run_shell("producers/http.md", tmp_path, environ | flower)
    assert printed.startswith('{"task-id": "profile-42-1"')
    assert '"state": "SUCCESS"' in printed
    record = client.wait("profile-42-1")
    assert (record.chatbot_id, record.outcome) == (CHATBOT, "delivered")


def test_http_without_a_password_is_refused(flower: dict[str, str]) -> None:
    url = f"{flower['FLOWER_URL']}/api/task/send-task/facelift.enqueue"
    assert requests.post(url, json={"queue": "facelift"}, timeout=10).status_code == 401
