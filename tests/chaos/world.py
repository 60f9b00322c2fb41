"""The system under test: a Redis, the sandbox endpoint, and workers, each behind its proxies."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped] # its stubs are a package of their own

from facelift.ledger.connection import connect
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer
from tests.acceptance.world import COMMAND, WorkerProcess, eventually
from tests.chaos.proxy import Network, Proxy

if TYPE_CHECKING:
    from redis import Redis

LEASE = 3.0
REQUEST_LIMIT = 2.5
CONCURRENCY = 6
DEADLY = ".deadly.png"
"""How the names of images end that get their worker killed."""
_LATENCY = "300ms"
_SKEW = 420  # seconds by which one worker's clock is wrong
_KEY = "chaos-key"
_MARKER = ".facelift"

# A process releases its other jobs 5 s after a request's limit, and exits soon after.
EXITS_WITHIN = REQUEST_LIMIT + 5 + 5


@dataclass(frozen=True, slots=True)
class Terminated:
    """A worker that received SIGTERM.

    Attributes:
        process: the worker.
        asked_at: monotonic seconds.
    """

    process: WorkerProcess
    asked_at: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which a worker was frozen, in monotonic seconds."""

    worker: str
    began: float
    ended: float


@dataclass
class Worker:
    """A worker and its replacements: one that ends is followed by another with the same proxies.

    Attributes:
        name: of all of them.
        command: what starts a worker.
        redis: the proxy to Redis.
        endpoint: the proxy to the endpoint.
        process: the present worker.
        changed: settings of the present worker that are not those of the others.
        terminated: the workers that received SIGTERM.
    """

    name: str
    command: tuple[str, ...]
    redis: Proxy
    endpoint: Proxy
    environment: dict[str, str]
    folder: Path
    process: WorkerProcess = field(init=False)
    changed: dict[str, str] = field(default_factory=dict)
    terminated: list[Terminated] = field(default_factory=list)
    _known: list[psutil.Process] = field(default_factory=list)
    _started: int = 0

    def start(self) -> None:
        """Start a new worker."""
        self._started += 1
        log = self.folder / f"{self.name}.{self._started}.log"
        self.process = WorkerProcess(
            self.command, os.environ | self.environment | self.changed, log
        )

    @property
    def is_ready(self) -> bool:
        """Whether it is ready; before that it does not handle SIGTERM."""
        return "ready:" in self.process.log

    @property
    def child(self) -> psutil.Process | None:
        """The child process that runs jobs; None while it is being replaced."""
        with suppress(psutil.Error):
            for child in self.process.children:
                self._known.append(child)
                return child
        return None

    def kill_supervisor(self) -> None:
        """Kill it, which its child has to notice, and start another."""
        _ = self.child
        self.process.process.kill()
        self.process.process.wait()
        self.start()

    def terminate(self, *, twice: bool = False) -> None:
        """Stop the worker gracefully, and start another."""
        terminated, _ = self.process, self.child
        terminated.process.send_signal(signal.SIGTERM)
        self.terminated.append(Terminated(terminated, time.monotonic()))
        if twice:
            time.sleep(0.3)
            terminated.process.send_signal(signal.SIGTERM)
        self.start()

    def deploy(self, changed: dict[str, str]) -> None:
        """Stop the worker, gracefully if it can, and start another with changed settings."""
        self.changed = changed
        if self.is_ready:
            self.terminate()
        else:
            self.kill_supervisor()

    def kill(self) -> None:
        """Kill every process."""
        _ = self.child
        for each in [*(terminated.process for terminated in self.terminated), self.process]:
            with suppress(psutil.Error):
                each.kill()
        for process in self._known:
            with suppress(psutil.Error):
                process.kill()  # checks that the pid is still this process's

    @property
    def logs(self) -> str:
        """The logs of all of them."""
        return "".join(
            log.read_text("utf-8", "replace") for log in sorted(self.folder.glob(f"{self.name}.*"))
        )


class World:
    """Everything that a run needs; all of it stops when the `with` block ends.

    Args:
        folder: for data, logs and images.
        workers: how many; the last one's clock is wrong.
        command: what starts a worker, which logs "ready:".

    Attributes:
        media: the folder of images.
        shots: a folder; each file in it has a worker killed that opens a deadly image.
        redis: the server.
        endpoint: the sandbox endpoint.
        workers: the workers.
        producers: the producers' proxy to Redis.
        freezes: which worker was frozen when.
        admin: a Redis client without a proxy.
    """

    redis: RedisServer
    endpoint: EndpointProcess
    workers: list[Worker]
    producers: Proxy
    admin: Redis

    def __init__(self, folder: Path, workers: int, command: tuple[str, ...] = COMMAND) -> None:
        self.media = folder / "media"
        self.shots = folder / "shots"
        self._unmounted = folder / "unmounted"
        self.freezes: list[Freeze] = []
        self._armed = 0
        self._folder = folder
        self._count = workers
        self._command = command
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.media.mkdir()
        (self.media / _MARKER).touch()
        self.shots.mkdir()
        self.arm(4)
        with ExitStack() as stack:
            enter = stack.enter_context
            # Acknowledged writes survive even a kill.
            self.redis = enter(
                RedisServer(self._folder / "redis", arguments=["--appendfsync", "always"])
            )
            self.endpoint = enter(EndpointProcess(api_keys=[_KEY], options=["--latency", _LATENCY]))
            network = enter(Network())
            self.admin = enter(connect(self.redis.url, retries=5))
            self.producers = network.proxy("producers", self.redis.port)
            self.workers = []
            for number in range(self._count):
                worker = self._make_worker(network, f"worker-{number}")
                if number == self._count - 1:
                    worker.environment["CHAOS_CLOCK_SKEW"] = str(_SKEW)
                stack.callback(worker.kill)
                worker.start()
                self.workers.append(worker)
            for worker in self.workers:
                worker.process.wait_until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _make_worker(self, network: Network, name: str) -> Worker:
        redis = network.proxy(name, self.redis.port)
        endpoint = network.proxy(name, int(self.endpoint.url.rpartition(":")[2]))
        path = [str(Path(__file__).parents[1] / "faulty_python"), os.environ.get("PYTHONPATH", "")]
        environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "DEADLY_IMAGE": DEADLY,
            "DEADLY_SHOTS": str(self.shots),
            "FACELIFT_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "FACELIFT_ENDPOINT_URL": f"http://127.0.0.1:{endpoint.port}",
            "FACELIFT_API_KEY": _KEY,
            "FACELIFT_IMAGE_STORES": f"media=file://{self.media}?marker={_MARKER}",
            "FACELIFT_BACKOFF_BASE": "100ms",
            "FACELIFT_BACKOFF_CAP": "1s",
            "FACELIFT_MAX_ATTEMPTS": "100",
            "FACELIFT_CONNECT_TIMEOUT": "1s",
            "FACELIFT_READ_TIMEOUT": f"{REQUEST_LIMIT}s",
            "FACELIFT_REQUEST_TIMEOUT": f"{REQUEST_LIMIT}s",
            "FACELIFT_LEASE": f"{LEASE}s",
            # The endpoint's faults last for a number of requests, not for a time.
            "FACELIFT_BREAKER_PAUSE": "200ms",
            "FACELIFT_UNSETTLED_FOR": "2s",
            "FACELIFT_CONCURRENCY": str(CONCURRENCY),
        }
        return Worker(name, self._command, redis, endpoint, environment, self._folder)

    def arm(self, shots: int) -> None:
        """Have so many more workers killed that open a deadly image."""
        for _ in range(shots):
            self._armed += 1
            (self.shots / str(self._armed)).touch()

    def disarm(self) -> None:
        """Have no more workers killed so."""
        for shot in list(self.shots.iterdir()):
            with suppress(FileNotFoundError):
                shot.unlink()
                self._armed -= 1

    @property
    def shot(self) -> int:
        """How many workers were killed so, once it is disarmed."""
        return self._armed

    def unmount(self) -> None:
        """Leave an empty folder where the images are, as an unmounted file system does."""
        self.media.rename(self._unmounted)
        self.media.mkdir()

    def mount(self) -> None:
        """Have the images back where they were."""
        if self._unmounted.exists():
            self.media.rmdir()
            self._unmounted.rename(self.media)

    def end_faults(self) -> None:
        """End all faults that may still be active."""
        self.mount()
        for worker in self.workers:
            if worker.changed:
                worker.deploy({})
        self.admin.replicaof("NO", "ONE")
        self.endpoint.clear_rules()
        self.disarm()
        for proxy in (
            self.producers,
            *(proxy for worker in self.workers for proxy in (worker.redis, worker.endpoint)),
        ):
            proxy.delay = 0

    def stop_workers(self) -> None:
        """Stop every worker; each must exit in time."""
        for worker in self.workers:
            worker.process.wait_until_ready()
            worker.process.process.send_signal(signal.SIGTERM)
            worker.terminated.append(Terminated(worker.process, time.monotonic()))
        for worker in self.workers:
            for terminated in worker.terminated:
                eventually(
                    lambda process=terminated.process: process.process.poll() is not None,  # type: ignore[misc] # mypy infers no default's type
                    f"{worker.name} does not exit",
                    EXITS_WITHIN,
                )
