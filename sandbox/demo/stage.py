"""The demo's stage: a folder, a Redis, the stand-in and a worker, all gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without

from facelift import FaceliftError, UploadClient
from sandbox.demo.plan import MISBEHAVIOUR, UNKNOWN_CHATBOT, PlannedJob, plan
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer
from sandbox.samples import write_samples

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_SECONDS = 2.0
_LOG_LINES = 15


class WorkerFailed(FaceliftError):  # noqa: N818 - names what happened, as RedisServerFailed does
    """The worker ended before its time; the message holds the end of its log."""


class Stage:
    """Built up by `build`, torn down on leaving its `with` block.

    Attributes:
        jobs: the plan, by job id, once the jobs are enqueued.
    """

    folder: Path
    pictures: Path
    redis: RedisServer
    endpoint: EndpointProcess
    client: UploadClient
    worker: WorkerProcess
    jobs: dict[str, PlannedJob]

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def build(self) -> Iterator[str]:
        """Tells each step before it is done; some may take a second."""
        enter = self._stack.enter_context
        yield "Drawing pictures"
        self.folder = Path(enter(tempfile.TemporaryDirectory(prefix="facelift-demo-")))
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()
        planned = plan(write_samples(self.pictures))
        yield "Starting a Redis"
        self.redis = enter(RedisServer(self.folder / "redis"))
        self.client = enter(UploadClient(self.redis.url))
        yield "Starting a stand-in for Chatbase"
        self.endpoint = enter(EndpointProcess(options=_options(planned)))
        for rule in MISBEHAVIOUR:
            self.endpoint.add_rule(**rule)
        yield f"Enqueueing {len(planned)} jobs, and starting a worker"
        # In this order, so that which picture is the newest does not depend on who is quicker.
        self.jobs = {
            self.client.enqueue(each.chatbot_id, f"media:{each.picture.name}").id: each
            for each in planned
        }
        self.worker = enter(WorkerProcess(self.folder / "worker.log", self._settings()))

    def _settings(self) -> dict[str, str]:
        return {
            "FACELIFT_REDIS_URL": self.redis.url,
            "FACELIFT_ENDPOINT_URL": self.endpoint.url,
            "FACELIFT_API_KEY": self.endpoint.api_key,
            "FACELIFT_IMAGE_STORES": f"media={self.pictures.as_uri()}",
            "FACELIFT_BACKOFF_BASE": "1s",
            "FACELIFT_BACKOFF_CAP": "2s",
            "FACELIFT_CONCURRENCY": "3",
            # A proxy that this machine may have leads to other machines.
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


def _options(planned: list[PlannedJob]) -> list[str]:
    known = {each.chatbot_id for each in planned} - {UNKNOWN_CHATBOT}
    return ["--latency=400ms", *(f"--known-chatbot={each}" for each in sorted(known))]


class WorkerProcess:
    """What `facelift worker` starts, in a session of its own: Ctrl-C reaches us, not it.

    Args:
        log: the file for its log.
        settings: its environment; of ours it gets all but the settings of Facelift, where a
            real API key may be.
    """

    def __init__(self, log: Path, settings: dict[str, str]) -> None:
        self._log = log
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("FACELIFT_")
        }
        self._environment = inherited | settings
        self._family: set[psutil.Process] = set()

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "facelift.cli", "worker"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._meet_family()
        for _again in (False, True):  # asked a second time, it hands back what is in flight
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self._process.kill()
        self._process.wait()
        for each in self._family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(self._family)

    def check(self) -> None:
        """Do nothing, unless it has ended.

        Raises:
            WorkerFailed: it has ended.
        """
        code = self._process.poll()
        if code is not None:
            raise WorkerFailed(f"the worker ended with exit code {code}; {self.last_words()}")
        if not self._family:
            self._meet_family()

    def last_words(self) -> str:
        """The end of its log."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n  ".join(["the end of its log:", *(lines or ["(empty)"])])

    def _meet_family(self) -> None:
        """Note its children, who would be nobody's if it were killed."""
        with suppress(psutil.NoSuchProcess):
            self._family |= set(psutil.Process(self._process.pid).children(recursive=True))
