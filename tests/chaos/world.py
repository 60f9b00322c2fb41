"""What a run takes place in: a Redis, the stand-in, and workers behind proxies of their own."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without

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
_LATENCY = "300ms"
_SKEW = 420  # seconds by which one worker's clock is wrong
_KEY = "chaos-key"

# A process hands back what is left 5 s after a request's limit, and is gone soon after.
LEAVES_WITHIN = REQUEST_LIMIT + 5 + 5


@dataclass(frozen=True, slots=True)
class Leaver:
    """A worker that was told to go.

    Attributes:
        process: the worker.
        asked_at: monotonic seconds.
    """

    process: WorkerProcess
    asked_at: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time for which a worker was frozen, in monotonic seconds."""

    worker: str
    began: float
    ended: float


@dataclass
class Worker:
    """A place for a worker: whoever dies there is followed by another, with the same ways out.

    Attributes:
        name: of the place.
        command: what starts a worker.
        redis: its way to Redis.
        endpoint: its way to the stand-in.
        process: who works there now.
        leavers: those who were told to go.
    """

    name: str
    command: tuple[str, ...]
    redis: Proxy
    endpoint: Proxy
    environment: dict[str, str]
    folder: Path
    process: WorkerProcess = field(init=False)
    leavers: list[Leaver] = field(default_factory=list)
    _known: list[psutil.Process] = field(default_factory=list)
    _started: int = 0

    def start(self) -> None:
        """Put a new worker in this place."""
        self._started += 1
        log = self.folder / f"{self.name}.{self._started}.log"
        self.process = WorkerProcess(self.command, os.environ | self.environment, log)

    @property
    def is_ready(self) -> bool:
        """Whether it works; one that is told to go before that knows no manners yet."""
        return "ready:" in self.process.log

    @property
    def child(self) -> psutil.Process | None:
        """The process that does the work; None while it is being replaced."""
        with suppress(psutil.Error):
            for child in self.process.children:
                self._known.append(child)
                return child
        return None

    def kill_supervisor(self) -> None:
        """Kill it; its child has to notice. Another takes its place."""
        _ = self.child
        self.process.process.kill()
        self.process.process.wait()
        self.start()

    def terminate(self, *, twice: bool = False) -> None:
        """Have the worker go in good order, and another take its place."""
        leaver, _ = self.process, self.child
        leaver.process.send_signal(signal.SIGTERM)
        self.leavers.append(Leaver(leaver, time.monotonic()))
        if twice:
            time.sleep(0.3)
            leaver.process.send_signal(signal.SIGTERM)
        self.start()

    def kill(self) -> None:
        """Leave nothing running."""
        _ = self.child
        for each in [*(leaver.process for leaver in self.leavers), self.process]:
            with suppress(psutil.Error):
                each.kill()
        for process in self._known:
            with suppress(psutil.Error):
                process.kill()  # checks that the pid is still this process's

    @property
    def logs(self) -> str:
        """All that was said in this place."""
        return "".join(
            log.read_text("utf-8", "replace") for log in sorted(self.folder.glob(f"{self.name}.*"))
        )


class World:
    """Everything a run needs; all of it is gone when its `with` block ends.

    Args:
        folder: for data, logs and pictures.
        workers: how many; the last one's clock is wrong.
        command: what starts a worker, which says "ready:" when it is.

    Attributes:
        media: where pictures lie.
        redis: the server.
        endpoint: the stand-in.
        workers: the workers.
        producers: the producers' way to Redis.
        freezes: when which worker was frozen.
        admin: a client of Redis without a proxy in between.
    """

    redis: RedisServer
    endpoint: EndpointProcess
    workers: list[Worker]
    producers: Proxy
    admin: Redis

    def __init__(self, folder: Path, workers: int, command: tuple[str, ...] = COMMAND) -> None:
        self.media = folder / "media"
        self.freezes: list[Freeze] = []
        self._folder = folder
        self._count = workers
        self._command = command
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.media.mkdir()
        with ExitStack() as stack:
            enter = stack.enter_context
            # What was acknowledged survives also a kill.
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
                    path = [str(Path(__file__).parent / "skewed_clock")]
                    path += filter(None, [os.environ.get("PYTHONPATH")])
                    worker.environment |= {
                        "PYTHONPATH": os.pathsep.join(path),
                        "CHAOS_CLOCK_SKEW": str(_SKEW),
                    }
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
        environment = {
            "FACELIFT_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "FACELIFT_ENDPOINT_URL": f"http://127.0.0.1:{endpoint.port}",
            "FACELIFT_API_KEY": _KEY,
            "FACELIFT_IMAGE_STORES": f"media=file://{self.media}",
            "FACELIFT_BACKOFF_BASE": "100ms",
            "FACELIFT_BACKOFF_CAP": "1s",
            "FACELIFT_MAX_ATTEMPTS": "100",
            "FACELIFT_CONNECT_TIMEOUT": "1s",
            "FACELIFT_READ_TIMEOUT": f"{REQUEST_LIMIT}s",
            "FACELIFT_REQUEST_TIMEOUT": f"{REQUEST_LIMIT}s",
            "FACELIFT_LEASE": f"{LEASE}s",
            # The stand-in breaks for a number of requests, not for a time.
            "FACELIFT_BREAKER_PAUSE": "200ms",
            "FACELIFT_CONCURRENCY": str(CONCURRENCY),
        }
        return Worker(name, self._command, redis, endpoint, environment, self._folder)

    def calm_down(self) -> None:
        """End what trouble may be left."""
        self.admin.replicaof("NO", "ONE")
        self.endpoint.clear_rules()
        for proxy in (
            self.producers,
            *(proxy for worker in self.workers for proxy in (worker.redis, worker.endpoint)),
        ):
            proxy.delay = 0

    def stop_workers(self) -> None:
        """Have every worker go; each must end with 0, in time."""
        for worker in self.workers:
            worker.process.wait_until_ready()
            worker.process.process.send_signal(signal.SIGTERM)
            worker.leavers.append(Leaver(worker.process, time.monotonic()))
        for worker in self.workers:
            for leaver in worker.leavers:
                eventually(
                    lambda process=leaver.process: process.process.poll() is not None,  # type: ignore[misc] # mypy infers no default's type
                    f"{worker.name} does not end",
                    LEAVES_WITHIN,
                )
