"""The load during the faults: a producer, and an observer of every job's state."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from PIL import Image
from redis.exceptions import RedisError

from facelift import LedgerUnavailable, UploadClient
from facelift.asset import Asset
from facelift.codes import JobState, OutcomeCode
from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys
from facelift.ledger.store import JobStore
from tests.chaos.world import DEADLY

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from redis import Redis

    from tests.chaos.recorder import Recorder

_NO_IMAGE = 0.06
_CANCELLED = 0.04
_REMOVED = 0.15  # of the bursts end so, if their target had none before
_SMALL, _LARGE = 40, 360  # pixels; as noise about 5 kB and 390 kB
_SHARE_OF_LARGE = 0.4
_SHARE_OF_ICONS = 0.25
_BURST = 3
_A_DEADLY_ONE_IN = 100
PROBE = "probe.png"
"""The image of jobs that are not among the planned ones."""
_INTERVAL = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job to enqueue.

    Attributes:
        job_id: its id.
        chatbot_id: the image's chatbot.
        image: its reference; None for a removal.
        sha256: of the image, which no other job has, or what stands for it in a removal; None if
            there is no image where there should be one.
        cancel: whether it is cancelled soon after.
        is_deadly: whether a worker that opens its image is killed.
        asset: what the image becomes.
    """

    job_id: str
    chatbot_id: str
    image: str | None
    sha256: str | None
    cancel: bool = False
    is_deadly: bool = False
    asset: Asset = Asset.PROFILE_PICTURE

    @property
    def target(self) -> str:
        """What has an order of its own: the chatbot, or its icon."""
        return target(self.chatbot_id, self.asset)

    @property
    def own_fault(self) -> str:
        """The outcome with which it may fail; empty if nothing is wrong with it."""
        if self.is_deadly:
            return OutcomeCode.CRASH_LOOP
        return "" if self.sha256 else OutcomeCode.IMAGE_NOT_FOUND


def target(chatbot_id: str, asset: str) -> str:
    """A chatbot as the history names it, or its icon."""
    return f"{chatbot_id}/icon" if asset == Asset.ICON else chatbot_id


def removal_of(target: str) -> str:
    """What stands for the image of a removal: each target has one at most."""
    return f"removal of {target}"


def plan_jobs(
    media: Path, jobs: int, chatbots: int, rng: Random, *, removes: bool = True
) -> list[PlannedJob]:
    """Draw images for so many jobs, in bursts of several jobs of one chatbot, and remove some."""
    (media / PROBE).write_bytes(_draw(_SMALL, rng))
    planned: list[PlannedJob] = []
    removed = set[str]()
    while len(planned) < jobs:
        chatbot_id = f"bot-{rng.randrange(chatbots)}"
        asset = Asset.ICON if rng.random() < _SHARE_OF_ICONS else Asset.PROFILE_PICTURE
        for _ in range(rng.randint(1, _BURST)):
            number = len(planned)
            is_deadly = number % _A_DEADLY_ONE_IN == _A_DEADLY_ONE_IN // 10
            name = f"image-{number}{DEADLY if is_deadly else '.png'}"
            sha256 = None
            if rng.random() >= _NO_IMAGE or is_deadly:
                data = _draw(_LARGE if rng.random() < _SHARE_OF_LARGE else _SMALL, rng)
                (media / name).write_bytes(data)
                sha256 = hashlib.sha256(data).hexdigest()
            planned.append(
                PlannedJob(
                    f"job-{number}",
                    f"deadly-{number}" if is_deadly else chatbot_id,  # nothing supersedes it
                    f"media:{name}",
                    sha256,
                    cancel=rng.random() < _CANCELLED,
                    is_deadly=is_deadly,
                    asset=asset,
                )
            )
        named = target(chatbot_id, asset)
        if removes and named not in removed and rng.random() < _REMOVED:
            removed.add(named)
            job_id = f"job-{len(planned)}"
            planned.append(PlannedJob(job_id, chatbot_id, None, removal_of(named), asset=asset))
    return planned[:jobs]


def _draw(side: int, rng: Random) -> bytes:
    noise = Image.frombytes("RGB", (side, side), rng.randbytes(3 * side * side))
    file = BytesIO()
    noise.save(file, "PNG")
    return file.getvalue()


class Producer:
    """Enqueues the planned jobs in its own thread; retries each until it is accepted.

    Args:
        planned: what to enqueue.
        redis_url: of its proxy.
        seconds: over how long.
        recorder: of the run's history.

    Attributes:
        accepted: the planned jobs whose `enqueue` returned, by job id.
        retries: how often it had to retry.
    """

    def __init__(
        self, planned: list[PlannedJob], redis_url: str, seconds: float, recorder: Recorder
    ) -> None:
        self.accepted: dict[str, PlannedJob] = {}
        self.retries = 0
        self.error: BaseException | None = None
        self._planned = planned
        self._recorder = recorder
        self._client = UploadClient(redis_url)
        self._pause = seconds / len(planned)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until everything is enqueued.

        Raises:
            BaseException: what `enqueue` raised, other than an unreachable Redis.
            TimeoutError: it takes longer.
        """
        self._thread.join(timeout)
        if self.error is not None:
            raise self.error
        if self._thread.is_alive():
            raise TimeoutError(f"{len(self._planned) - len(self.accepted)} jobs are not enqueued")

    def stop(self) -> None:
        """Enqueue no more."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        try:
            start = time.monotonic()
            for number, job in enumerate(self._planned):
                if self._stopping.wait(max(0, start + number * self._pause - time.monotonic())):
                    return
                self._enqueue(job)
        except BaseException as error:  # noqa: BLE001 - raised again in `join`
            self.error = error

    def _enqueue(self, job: PlannedJob) -> None:
        while not self._stopping.is_set():
            try:
                with self._recorder.call("enqueue", job):
                    what: Any = {"asset": job.asset, "job_id": job.job_id}
                    if job.image is None:
                        self._client.remove(job.chatbot_id, **what)
                    else:
                        self._client.enqueue(job.chatbot_id, job.image, **what)
            except LedgerUnavailable:
                self.retries += 1
                time.sleep(0.1)
            else:
                self.accepted[job.job_id] = job
                return


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended."""

    state: JobState
    outcome: str
    finished_at: str


class Observer:
    """Polls every accepted job, and records each terminal state that it sees. Also cancels some.

    Args:
        redis: a client without a proxy.
        accepted: the jobs so far, by id; it grows.
        recorder: of the run's history.

    Attributes:
        endings: of the finished jobs, by id, as last seen.
    """

    def __init__(self, redis: Redis, accepted: dict[str, PlannedJob], recorder: Recorder) -> None:
        self.endings: dict[str, Ending] = {}
        self._redis = redis
        self._accepted = accepted
        self._recorder = recorder
        self._store = JobStore(redis)
        self._cancelled: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> list[str]:
        """The jobs that have not ended."""
        return [job_id for job_id in list(self._accepted) if job_id not in self.endings]

    def stop(self) -> None:
        """Stop polling."""
        self._stopping.set()
        self._thread.join()

    def poll(self) -> None:
        """Poll once."""
        job_ids = list(self._accepted)
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(Keys().job(job_id), "state", "outcome", "finished_at")
            rows = cast("list[list[str | None]]", pipeline.execute())
        for job_id, (state, outcome, finished_at) in zip(job_ids, rows, strict=True):
            before = self.endings.get(job_id)
            if before is None and (state is None or not JobState(state).is_terminal):
                continue
            now = Ending(JobState(state or JobState.QUEUED), outcome or "", finished_at or "")
            if before != now:
                self.endings[job_id] = now
                self._recorder.observed(job_id, now.state, now.outcome, now.finished_at)

    def _run(self) -> None:
        while not self._stopping.wait(_INTERVAL):
            try:
                self.poll()
                for job_id, job in list(self._accepted.items()):
                    if job.cancel and job_id not in self._cancelled:
                        with self._recorder.call("cancel", job) as answer:
                            answer.text = self._store.cancel(job_id)
                        self._cancelled.add(job_id)
            except (LedgerUnavailable, RedisError):
                continue
