"""What the demo runs: a folder, a Redis, the sandbox endpoint and a worker."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from facelift import FaceliftError, UploadClient
from sandbox.child import ChildProcess
from sandbox.demo.plan import RULES, UNKNOWN_CHATBOT, PlannedJob, plan
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer
from sandbox.samples import write_samples

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_SECONDS = 2.0
_LOG_LINES = 15


class WorkerFailed(FaceliftError):  # noqa: N818 - says what happened, as RedisServerFailed does
    """The worker ended too early; the message holds the end of its log."""


class Stage:
    """Started by `build`; stopped and removed on leaving the `with` block.

    Attributes:
        images: the folder of the samples.
        endpoint: the sandbox endpoint.
        client: a client of the Redis.
        jobs: the plan, by job id, once the jobs are enqueued.
    """

    images: Path
    endpoint: EndpointProcess
    client: UploadClient
    jobs: dict[str, PlannedJob]

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def build(self) -> Iterator[str]:
        """Name each step before it is done; some take a second."""
        enter = self._stack.enter_context
        yield "Drawing images"
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="facelift-demo-")))
        self.images = folder / "images"
        self.images.mkdir()
        planned = plan(write_samples(self.images))
        yield "Starting a Redis"
        redis = enter(RedisServer(folder / "redis"))
        self.client = enter(UploadClient(redis.url))
        yield "Starting a sandbox of Chatbase's endpoint"
        known = {each.chatbot_id for each in planned} - {UNKNOWN_CHATBOT}
        options = ["--latency=400ms", *(f"--known-chatbot={each}" for each in sorted(known))]
        self.endpoint = enter(EndpointProcess(options=options))
        for rule in RULES:
            self.endpoint.add_rule(**rule)
        yield f"Enqueueing {len(planned)} jobs, and starting a worker"
        # In this order, so that which image is the newest does not depend on timing.
        self.jobs = {
            self.client.enqueue(each.chatbot_id, f"media:{each.image.name}").id: each
            for each in planned
        }
        self._start_worker(redis, folder / "worker.log")

    def check_worker(self) -> None:
        """Do nothing while the worker runs.

        Raises:
            WorkerFailed: it has ended.
        """
        code = self._worker.poll()
        if code is not None:
            raise WorkerFailed(f"the worker ended with exit code {code}; {self.worker_log()}")

    def worker_log(self) -> str:
        """The end of the worker's log."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n  ".join(["the end of its log:", *(lines or ["(empty)"])])

    def _start_worker(self, redis: RedisServer, log: Path) -> None:
        # Without this machine's own settings of Facelift, which may name a real API key.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("FACELIFT_")
        } | {
            "FACELIFT_REDIS_URL": redis.url,
            "FACELIFT_ENDPOINT_URL": self.endpoint.url,
            "FACELIFT_API_KEY": self.endpoint.api_key,
            "FACELIFT_IMAGE_STORES": f"media={self.images.as_uri()}",
            "FACELIFT_BACKOFF_BASE": "1s",
            "FACELIFT_BACKOFF_CAP": "2s",
            "FACELIFT_CONCURRENCY": "3",
            # A proxy of this machine leads to other machines.
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        command = [sys.executable, "-P", "-m", "facelift.cli", "worker"]
        self._log = log
        with log.open("wb") as output:
            self._worker = ChildProcess(command, env=environment, stdout=output, stderr=output)
        # Asked a second time, the worker gives up the uploads in flight.
        self._stack.callback(self._worker.stop, _STOP_SECONDS, requests=2)
