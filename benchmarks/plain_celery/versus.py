"""`python -m benchmarks.plain_celery.versus`: the README's table, Celery beside Facelift.

Both run two processes with 50 threads in all against one sandbox endpoint, and meet the same
faults one after the other. It takes about twelve minutes.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psutil
from celery import Celery

from benchmarks.images import write_images
from benchmarks.processes import Workers, environment
from facelift import UploadClient
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORKERS, _THREADS = 2, 25
_PATIENCE = 120.0  # seconds after which an image counts as not delivered
_OUTAGE = 60.0
_CHATBOTS = 40


class Queue(Protocol):
    """Celery or Facelift: what enqueues, and what runs its workers."""

    name: str
    commands: tuple[str, ...]

    def enqueue(self, bot: str, image: str) -> str:
        """Enqueue an upload; returns its id."""

    def attempts_kept(self, job_id: str) -> int:
        """How many attempts of a job can be read back."""


class WithFacelift:
    """Facelift, with its defaults."""

    name = "Facelift"
    commands = (f"facelift worker --processes 1 --concurrency {_THREADS}",) * _WORKERS

    def __init__(self, redis_url: str) -> None:
        self._client = UploadClient(redis_url)

    def enqueue(self, bot: str, image: str) -> str:
        """Enqueue an upload; returns its id."""
        return self._client.enqueue(bot, f"media:{image}").id

    def attempts_kept(self, job_id: str) -> int:
        """How many attempts of a job can be read back."""
        return len(self._client.status(job_id).attempts)


class WithCelery:
    """Plain Celery, as `guide.py` has it."""

    name = "Celery with retry"
    commands = tuple(
        "celery -A benchmarks.plain_celery.guide worker --loglevel=warning --pool=threads "
        f"--concurrency={_THREADS} -n w{number}@versus"
        for number in range(_WORKERS)
    )

    def __init__(self, redis_url: str) -> None:
        self._app = Celery("versus", broker=redis_url, backend=redis_url, set_as_current=False)

    def enqueue(self, bot: str, image: str) -> str:
        """Enqueue an upload; returns its id."""
        return str(self._app.send_task("benchmarks.plain_celery.guide.upload", (bot, image)).id)

    def attempts_kept(self, job_id: str) -> int:
        """How many attempts of a job can be read back: its last state is all there is."""
        return int(self._app.AsyncResult(job_id).state != "PENDING")


class Stage(NamedTuple):
    """What a scenario plays on."""

    queue: Queue
    endpoint: EndpointProcess
    workers: Workers
    images: list[str]


def lost_worker(stage: Stage) -> str:
    """End one of the two workers by SIGKILL while uploads of 2 s are under way."""
    stage.endpoint.add_rule("*", "delay", seconds=2)
    for number in range(_CHATBOTS):
        stage.queue.enqueue(f"lost-{number}", stage.images[0])
    time.sleep(1.0)
    stage.workers.kill(0)
    stage.endpoint.clear_rules()
    landed, took = _landed(stage, "lost-", _CHATBOTS)
    if landed < _CHATBOTS:
        return f"{landed} of {_CHATBOTS} images within {_PATIENCE:g} s"
    return f"all {_CHATBOTS} images within {took:.0f} s"


def stale_image(stage: Stage) -> str:
    """The first upload of an older image fails with 500; a newer one is enqueued meanwhile."""
    for number in range(_CHATBOTS):
        stage.endpoint.add_rule(f"stale-{number}", "status", status=500, times=1)
        stage.queue.enqueue(f"stale-{number}", stage.images[0])
    time.sleep(0.5)
    for number in range(_CHATBOTS):
        stage.queue.enqueue(f"stale-{number}", stage.images[1])
    time.sleep(30)
    newer = (Path(os.environ["VERSUS_MEDIA"]) / stage.images[1]).read_bytes()
    wrong = sum(stage.endpoint.image(f"stale-{number}") != newer for number in range(_CHATBOTS))
    return f"{wrong} of {_CHATBOTS} chatbots keep the older image"


def outage(stage: Stage) -> str:
    """The endpoint responds with 503 for a minute while 500 jobs are queued."""
    stage.endpoint.add_rule("*", "status", status=503)
    for number in range(500):
        stage.queue.enqueue(f"outage-{number}", stage.images[0])
    time.sleep(_OUTAGE)
    requests = sum(each.chatbot_id.startswith("outage-") for each in _arrivals(stage))
    stage.endpoint.clear_rules()
    landed, _ = _landed(stage, "outage-", 500)
    return f"{requests:,} requests meanwhile, {500 - landed} of 500 jobs lost"


def history(stage: Stage) -> str:
    """A job that failed twice before it was delivered."""
    stage.endpoint.add_rule("history", "status", status=500, times=2)
    job_id = stage.queue.enqueue("history", stage.images[0])
    time.sleep(20)
    return f"{stage.queue.attempts_kept(job_id)} of its 3 attempts can be read back"


SCENARIOS = (lost_worker, stale_image, outage, history)


def _arrivals(stage: Stage) -> list[_Named]:
    return [
        _Named(each.chatbot_id or "", each.status == 200)  # noqa: PLR2004
        for each in stage.endpoint.arrivals()
    ]


class _Named(NamedTuple):
    chatbot_id: str
    is_delivered: bool


def _landed(stage: Stage, prefix: str, wanted: int) -> tuple[int, float]:
    """How many chatbots got their image, and after how many seconds the last did."""
    began = time.monotonic()
    while True:
        landed = {
            each.chatbot_id
            for each in _arrivals(stage)
            if each.is_delivered and each.chatbot_id.startswith(prefix)
        }
        took = time.monotonic() - began
        if len(landed) >= wanted or took > _PATIENCE:
            return len(landed), took
        time.sleep(0.5)


class _Workers(Workers):
    """Worker processes of which one can be killed."""

    def kill(self, number: int) -> None:
        """SIGKILL to a worker and all below it."""
        root = psutil.Process(self._processes[number].pid)
        for each in [*root.children(recursive=True), root]:
            each.send_signal(signal.SIGKILL)


@contextmanager
def _stage(kind: type[WithFacelift | WithCelery], media: Path) -> Iterator[Stage]:
    with (
        RedisServer() as redis,
        EndpointProcess(options=("--latency", "100ms")) as endpoint,
    ):
        environ: Mapping[str, str] = environment(redis.url, endpoint.url, media, _THREADS)
        queue = kind(redis.url)
        with _Workers(queue.commands, environ) as workers:
            queue.enqueue("warm-up", "0.jpg")
            stage = Stage(queue, endpoint, workers, sorted(each.name for each in media.iterdir()))
            _landed(stage, "warm-up", 1)
            yield stage


def main() -> None:
    """Play each scenario with each queue on servers of its own; print the table."""
    with tempfile.TemporaryDirectory(prefix="facelift-versus-") as folder:
        media = Path(folder)
        os.environ["VERSUS_MEDIA"] = folder
        write_images(media, 2)
        print("| | Celery with retry | Facelift |\n| --- | --- | --- |")
        for scenario in SCENARIOS:
            cells = []
            for kind in (WithCelery, WithFacelift):
                with _stage(kind, media) as stage:
                    cells.append(scenario(stage))
            name = scenario.__name__.replace("_", " ")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
