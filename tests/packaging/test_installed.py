"""The wheels in a virtual environment, in projects whose names meet ours."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packaging.conftest import Distribution

# What the extra `testing` brings.
TESTING = {
    *("redis", "fakeredis", "sortedcontainers", "lupa"),
    *("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"),
}

FILES = {
    "tasks.py": """
from celery import Celery

from facelift import UploadClient

app = Celery("shop", broker="memory://")
uploads = UploadClient.from_env()


@app.task
def change_picture(bot):
    return uploads.enqueue(bot, "media:a.png").id
""",
    "worker/__init__.py": "SPEED = 'fast'\n",
    "worker/models.py": "",
    "sandbox/__init__.py": "",
    "shop.py": """
from django.http import JsonResponse
from django.urls import path

from facelift import UploadClient

uploads = UploadClient.from_env()


def change(request, bot):
    return JsonResponse({"job": uploads.enqueue(bot, "media:b.png").id})


urlpatterns = [path("bots/<bot>/picture", change)]
""",
    "manage.py": """
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    ROOT_URLCONF="shop",
    INSTALLED_APPS=["worker"],
    ALLOWED_HOSTS=["testserver"],
    SECRET_KEY="made up",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
""",
    "test_shop.py": """
import manage
import django

django.setup()
import worker
from django.test import Client
from tasks import change_picture, uploads


def test_celery_task_enqueues(facelift_jobs):
    job = change_picture.apply(args=["bot-1"]).get()
    assert uploads.wait(job).outcome == "delivered"
    assert worker.SPEED == "fast"


def test_django_view_enqueues(facelift_jobs):
    job = Client().post("/bots/bot-2/picture").json()["job"]
    facelift_jobs.assert_enqueued(id=job, chatbot_id="bot-2", image="media:b.png")
""",
}  # fmt: skip


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_project_with_modules_of_our_names_enqueues_from_all_its_parts(
    tmp_path: Path, client: Distribution, make_environment: Callable[..., Path]
) -> None:
    python = make_environment(client.wheel)
    project = tmp_path / "project"
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    for command in (["manage.py", "startapp", "monitor"], ["manage.py", "check"]):
        done = run(python, project, *command)
        assert done.returncode == 0, done.stderr
    assert (project / "monitor" / "apps.py").exists()
    done = run(python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.nightly  # import contracts say so every time
def test_test_kit_needs_fakeredis_and_pytest_alone(
    tmp_path: Path, client: Distribution, make_environment: Callable[..., Path]
) -> None:
    python = make_environment(client.wheel, only=TESTING)
    (tmp_path / "test_own.py").write_text(
        "import asyncio\n"
        "from facelift import UploadClient\n"
        "from facelift.aio import AsyncUploadClient\n\n"
        "def test_own(facelift_jobs):\n"
        "    facelift_jobs.script('image_not_square')\n"
        "    job = UploadClient.from_env().enqueue('bot', 'media:a.png').id\n"
        "    ended = asyncio.run(AsyncUploadClient.from_env().wait(job))\n"
        "    assert ended.outcome == 'image_not_square'\n"
    )
    done = run(python, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_own.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_both_wheels_work_without_the_checkout(
    tmp_path: Path,
    client: Distribution,
    worker: Distribution,
    make_environment: Callable[..., Path],
) -> None:
    python = make_environment(client.wheel, worker.wheel)
    code = "import facelift, monitor, sandbox, tasks, worker.delivery.executor"
    done = run(python, tmp_path, "-c", f"{code}; print(facelift.__file__)")
    assert str(tmp_path / "environment") in done.stdout, done.stderr
    done = run(python, tmp_path, "-m", "facelift.cli", "--help")
    assert "enqueue" in done.stdout, done.stderr
