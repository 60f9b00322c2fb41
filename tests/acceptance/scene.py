"""A ledger, its workers and Flower, and a search of all that they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import requests
from redis import Redis

from facelift import UploadClient
from tests.acceptance.traces import in_command_lines, in_files, in_redis, shows

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.redis_server import RedisServer
    from tests.acceptance.flower import Flower
    from tests.acceptance.world import WorkerProcess


class Scene:
    """Everything that a key could get into."""

    def __init__(
        self,
        server: RedisServer,
        workers: WorkerProcess,
        flower: Flower,
        folder: Path,
        metrics: int,
    ) -> None:
        self.server = server
        self.workers = workers
        self.flower = flower
        self.folder = folder
        self.metrics = f"http://127.0.0.1:{metrics}/metrics"
        self.redis: Any = Redis.from_url(server.url)
        self.client = UploadClient(server.url)
        self.jobs: list[str] = []
        self._events: Any = self.redis.pubsub()  # type: ignore[no-untyped-call] # redis-py's
        self._events.psubscribe("*")  # Celery's events are published
        self._heard = ""

    def close(self) -> None:
        self._events.close()
        self.redis.close()
        self.client.close()

    def enqueue(self, chatbot: str, image: str = "media:good.png", **fields: Any) -> str:
        self.jobs.append(self.client.enqueue(chatbot, image, **fields).id)
        return self.jobs[-1]

    def outcomes(self) -> dict[str, str]:
        """Each chatbot's outcome."""
        records = [self.client.wait(job, 30) for job in self.jobs]
        return {record.chatbot_id: str(record.outcome) for record in records}

    def places_that_show(self, *keys: str) -> set[str]:
        """All places where one of the keys can be read."""
        places = self._search().items()
        return {place for place, text in places if any(shows(text, key) for key in keys)}

    def _search(self) -> dict[str, str]:
        while message := self._events.get_message(timeout=0.2):
            self._heard += repr(message)
        asked = [("status", job, "--json") for job in (self.jobs[1], self.jobs[-1])]
        return {
            **in_redis(self.redis),
            **in_files(self.server.folder),  # its append-only file: all that ever was in it
            **in_command_lines(),
            "worker's log": self.workers.log,
            "worker's log as text": (self.folder / "text.log").read_text(),
            "metrics": requests.get(self.metrics, timeout=10).text,
            "Flower's log": (self.folder / "flower.log").read_text(),
            "Celery's events": self._heard,
            **{f"Flower {page}": self.flower.get(page) for page in self._pages()},
            **{f"facelift {' '.join(words)}": _facelift(self.server, words) for words in asked},
        }

    def _pages(self) -> list[str]:
        names = json.loads(self.flower.get("/api/workers"))
        tasks = json.loads(self.flower.get("/api/tasks"))
        return [
            *("/workers", "/tasks", "/broker", "/metrics"),
            *("/api/workers", "/api/tasks", "/api/task/types", "/api/queues/length"),
            *(f"/worker/{name}" for name in names if name != "planter"),
            *(f"/task/{task}" for task in tasks),
        ]


def _facelift(server: RedisServer, words: tuple[str, ...]) -> str:
    """What the command prints."""
    done = subprocess.run(
        (sys.executable, "-m", "facelift.cli", *words),
        env=os.environ | {"FACELIFT_REDIS_URL": server.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,  # a job that failed has an exit code of its own
    )
    assert done.stdout, done.stderr
    return done.stdout + done.stderr
