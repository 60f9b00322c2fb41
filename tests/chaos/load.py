"""Those who use Facelift while it is in trouble: producers, and a witness of every job's state."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, cast

from PIL import Image
from redis.exceptions import RedisError

from facelift import LedgerUnavailable, UploadClient
from facelift.codes import JobState
from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys
from facelift.ledger.store import JobStore

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from redis import Redis

_NO_PICTURE = 0.06
_CANCELLED = 0.04
_SMALL, _LARGE = 40, 360  # pixels; as noise about 5 kB and 390 kB
_OF_THE_LARGE = 0.4
_BURST = 3
PROBE = "probe.png"
"""A picture for jobs that are not among the wishes."""
_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to enqueue.

    Attributes:
        job_id: its name.
        chatbot_id: whose picture it is.
        image: where the picture is stored.
        sha256: of the picture, unlike that of any other; None if there is none.
        cancel: whether it is cancelled soon after.
    """

    job_id: str
    chatbot_id: str
    image: str
    sha256: str | None
    cancel: bool = False


def make_wishes(media: Path, jobs: int, chatbots: int, rng: Random) -> list[Wish]:
    """Draw pictures for so many jobs, several for each chatbot soon after one another."""
    (media / PROBE).write_bytes(_draw(_SMALL, rng))
    wishes: list[Wish] = []
    while len(wishes) < jobs:
        chatbot_id = f"bot-{rng.randrange(chatbots)}"
        for _ in range(rng.randint(1, _BURST)):
            number = len(wishes)
            name = f"picture-{number}.png"
            sha256 = None
            if rng.random() >= _NO_PICTURE:
                data = _draw(_LARGE if rng.random() < _OF_THE_LARGE else _SMALL, rng)
                (media / name).write_bytes(data)
                sha256 = hashlib.sha256(data).hexdigest()
            wishes.append(
                Wish(
                    f"job-{number}", chatbot_id, f"media:{name}", sha256, rng.random() < _CANCELLED
                )
            )
    return wishes[:jobs]


def _draw(side: int, rng: Random) -> bytes:
    noise = Image.frombytes("RGB", (side, side), rng.randbytes(3 * side * side))
    file = BytesIO()
    noise.save(file, "PNG")
    return file.getvalue()


class Producer:
    """Enqueues wishes over some seconds in a thread of its own; tries again until each is taken.

    Args:
        wishes: what to enqueue.
        redis_url: through which way.
        seconds: over how long.

    Attributes:
        accepted: the wishes whose `enqueue` returned, by job id.
        retries: how often it had to try again.
    """

    def __init__(self, wishes: list[Wish], redis_url: str, seconds: float) -> None:
        self.accepted: dict[str, Wish] = {}
        self.retries = 0
        self.error: BaseException | None = None
        self._wishes = wishes
        self._client = UploadClient(redis_url)
        self._pause = seconds / len(wishes)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until everything is enqueued.

        Raises:
            BaseException: what `enqueue` raised, other than that Redis is away.
            TimeoutError: it takes longer.
        """
        self._thread.join(timeout)
        if self.error is not None:
            raise self.error
        if self._thread.is_alive():
            raise TimeoutError(f"{len(self._wishes) - len(self.accepted)} jobs are not enqueued")

    def stop(self) -> None:
        """Enqueue no more."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        try:
            start = time.monotonic()
            for number, wish in enumerate(self._wishes):
                if self._stopping.wait(max(0, start + number * self._pause - time.monotonic())):
                    return
                self._enqueue(wish)
        except BaseException as error:  # noqa: BLE001 - raised again in `join`
            self.error = error

    def _enqueue(self, wish: Wish) -> None:
        while not self._stopping.is_set():
            try:
                self._client.enqueue(wish.chatbot_id, wish.image, job_id=wish.job_id)
            except LedgerUnavailable:
                self.retries += 1
                time.sleep(0.1)
            else:
                self.accepted[wish.job_id] = wish
                return


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, as it was first seen."""

    state: JobState
    outcome: str
    finished_at: str


class Witness:
    """Looks at every accepted job again and again: what has ended must stay as it is.

    Also cancels the jobs that are to be cancelled.

    Args:
        redis: not through a proxy.
        accepted: the jobs so far, by id; it grows.

    Attributes:
        endings: of the jobs that have ended, by id.
        changes: what was seen of endings that changed, by job id; there must be none.
    """

    def __init__(self, redis: Redis, accepted: dict[str, Wish]) -> None:
        self.endings: dict[str, Ending] = {}
        self.changes: dict[str, str] = {}
        self._redis = redis
        self._accepted = accepted
        self._store = JobStore(redis)
        self._cancelled: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> list[str]:
        """The jobs that have not ended."""
        return [job_id for job_id in list(self._accepted) if job_id not in self.endings]

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Look once."""
        job_ids = list(self._accepted)
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hmget(Keys().job(job_id), "state", "outcome", "finished_at")
            rows = cast("list[list[str | None]]", pipeline.execute())
        for job_id, (state, outcome, finished_at) in zip(job_ids, rows, strict=True):
            before = self.endings.get(job_id)
            if state and JobState(state).is_terminal:
                now = Ending(JobState(state), outcome or "", finished_at or "")
                if before not in {None, now}:
                    self.changes[job_id] = f"{job_id} ended as {before}, and then as {now}"
                self.endings.setdefault(job_id, now)
            elif before:
                self.changes[job_id] = f"{job_id} ended as {before}, and is {state} now"

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK):
            try:
                self.look()
                for job_id, wish in list(self._accepted.items()):
                    if wish.cancel and job_id not in self._cancelled:
                        self._store.cancel(job_id)
                        self._cancelled.add(job_id)
            except (LedgerUnavailable, RedisError):
                continue
