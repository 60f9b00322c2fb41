"""The test kit in the tests of web applications: those of the pages for producers, and Flask."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.documents import write_files

if TYPE_CHECKING:
    from pathlib import Path

FLASK = """
from flask import Flask
from facelift import UploadClient

uploads = UploadClient.from_env()
app = Flask(__name__)


@app.post("/bots/<bot>/picture")
def change(bot):
    return {"job": uploads.enqueue(bot, "media:a.png").id}


@app.get("/pictures/<job>")
def status(job):
    return {"outcome": uploads.wait(job).outcome}


def test_flask(facelift_jobs):
    facelift_jobs.script("image_not_square")
    client = app.test_client()
    job = client.post("/bots/bot/picture").json["job"]
    assert client.get(f"/pictures/{job}").json == {"outcome": "image_not_square"}
"""

FASTAPI = """
from fastapi.testclient import TestClient
from main import app


def test_fastapi(facelift_jobs):
    facelift_jobs.script(503, 404)
    with TestClient(app) as client:
        job = client.post("/bots/bot/picture", json={"path": "a.png"}).json()["job"]
        record = client.get(f"/pictures/{job}?wait=5").json()
    facelift_jobs.assert_enqueued(chatbot_id="bot", image="media:a.png")
    assert record["outcome"] == "chatbot_not_found"
"""

DJANGO = """
import django
import pytest
from django.conf import settings

settings.configure(
    ROOT_URLCONF="pictures.urls",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.test import TestCase


class ChangePicture(TestCase):
    @pytest.fixture(autouse=True)
    def jobs(self, facelift_jobs):
        self.jobs = facelift_jobs

    def change(self):
        asked = {"path": "a.png", "request_id": "r-1"}
        self.client.post("/bots/bot/picture", asked, content_type="application/json")

    def test_nothing_is_enqueued_before_the_transaction_is_committed(self):
        with self.captureOnCommitCallbacks():
            self.change()
        self.jobs.assert_nothing_enqueued()

    def test_picture_is_enqueued_once_it_is(self):
        with self.captureOnCommitCallbacks(execute=True):
            self.change()
        self.jobs.assert_enqueued(id="r-1", chatbot_id="bot", image="media:a.png")
        self.jobs.run()
        assert self.client.get("/pictures/r-1").json()["outcome"] == "delivered"
"""


def test_applications_enqueue_into_memory_with_nothing_configured(tmp_path: Path) -> None:
    write_files("producers/django.md", tmp_path)
    write_files("producers/fastapi.md", tmp_path)
    tests = {"test_flask.py": FLASK, "test_fastapi.py": FASTAPI, "test_django.py": DJANGO}
    for name, text in tests.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
