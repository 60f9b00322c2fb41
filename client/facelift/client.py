"""The producer's side: enqueue, cancel, replay.

Asking what became of jobs is in `observer.py`, of batches in `batches.py`; what an operator
does, pause and resume, in `operator.py`.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Self, TypeVar

from facelift.errors import InvalidJob, InvalidSettings
from facelift.job import UploadJob, check_job_id
from facelift.ledger.connection import DEFAULT_REDIS_URL, connect
from facelift.ledger.keys import DEFAULT_PREFIX, Keys
from facelift.ledger.store import JobStore
from facelift.ledger.urls import check_redis_url
from facelift.operations.batches import Batches
from facelift.operations.enqueue import Enqueuer, IdempotencyConflict
from facelift.operations.observe import Observer
from facelift.operations.operate import Operator
from facelift.status.server import read_server
from facelift.units import parse_duration, show_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from redis import Redis

    from facelift.codes import Cancellation
    from facelift.operations.enqueue import Enqueued
    from facelift.record import JobRecord
    from facelift.status.server import ServerStatus

_T = TypeVar("_T")

_DAY = 86_400
DEFAULT_DEADLINE = DEFAULT_WINDOW = "24h"
DURATION_BOUNDS = (1.0, 30.0 * _DAY)
"""Seconds; what a deadline or an idempotency window that is set may be."""


class UploadClient(Observer, Batches, Operator):
    """Enqueues uploads, tells what became of them, pauses and resumes.

    Thread-safe; keep one and share it.

    Args:
        redis_url: the Redis that the workers use; `rediss://` for TLS.
        key_prefix: tells ledgers on one Redis apart; the workers' must be the same.
        lifetime: seconds until a job expires, if it does not say.
        idempotency_window: seconds for which an idempotency key is remembered, unless the
            record of its job expires before.
        redis: a client to use instead of `redis_url`, made with `decode_responses=True`.

    Raises:
        InvalidSettings: `redis_url` is no Redis URL, or `key_prefix` no prefix.
    """

    def __init__(
        self,
        redis_url: str = DEFAULT_REDIS_URL,
        *,
        key_prefix: str = DEFAULT_PREFIX,
        lifetime: float = _DAY,
        idempotency_window: float = _DAY,
        redis: Redis | None = None,
    ) -> None:
        try:
            keys = Keys(key_prefix)
        except ValueError as problem:
            raise InvalidSettings([f"FACELIFT_KEY_PREFIX {problem}"]) from None
        self._redis = redis if redis is not None else connect(redis_url)
        self._store = JobStore(self._redis, keys=keys)
        Observer.__init__(self, self._store)
        Batches.__init__(self, self._store)
        Operator.__init__(self, self._store.pool)
        self._enqueuer = Enqueuer(
            self._store, lifetime=lifetime, idempotency_window=math.ceil(idempotency_window)
        )

    @classmethod
    def from_env(cls) -> Self:
        """Make a client from the variables that producers share with the workers.

        They are `FACELIFT_REDIS_URL`, `FACELIFT_KEY_PREFIX`, `FACELIFT_DEADLINE` and
        `FACELIFT_IDEMPOTENCY_WINDOW`; an empty one counts as not set.

        Raises:
            InvalidSettings: with every problem there is.
        """
        return cls(**settings_from_env())

    def enqueue(
        self,
        chatbot_id: str,
        image: str,
        *,
        account: str = "default",
        idempotency_key: str | None = None,
        sha256: str | None = None,
        not_before: float | datetime | None = None,
        expires_at: float | datetime | None = None,
        fit: str = "strict",
        batch: str | None = None,
        job_id: str | None = None,
    ) -> JobRecord:
        """Have `image` put onto the chatbot. Returns once that is recorded for good.

        Args:
            chatbot_id: the chatbot, as Chatbase names it.
            image: the stored image, `<store>:<path>`, e.g. `media:bots/42.png`.
            account: which of the workers' API keys to use.
            idempotency_key: enqueueing again with the same key gives the same job.
            sha256: what the image's bytes must hash to, in hexadecimal.
            not_before: Unix seconds or a time with its zone; not started earlier.
            expires_at: the same; not delivered by then, it ends as `expired`.
            fit: `strict` sends the exact bytes or refuses them; `crop` and `pad` first make a
                picture that would be refused square, small enough and still.
            batch: a name that many jobs share, to follow or cancel them as one.
            job_id: a name of your own; safe to send again after an error.

        Raises:
            InvalidJob: a field is not what it must be; nothing was enqueued.
            IdempotencyConflict: the key or id was used before for something else.
            LedgerUnavailable: Redis cannot be reached.
            LedgerRefused: Redis said no.
        """
        times: dict[str, Any] = {"not_before": not_before, "expires_at": expires_at}
        job = UploadJob(
            chatbot_id=chatbot_id,
            image=image,
            account=account,
            idempotency_key=idempotency_key,
            sha256=sha256,
            fit=fit,
            batch=batch,
            **times,
        )
        return self.enqueue_job(job, job_id)

    def enqueue_job(self, job: UploadJob, job_id: str | None = None) -> JobRecord:
        """The same for a job that was made and checked before."""
        return self._enqueuer.one(job, job_id)

    def enqueue_many(
        self, jobs: Iterable[UploadJob], *, job_ids: Iterable[str] | None = None
    ) -> list[Enqueued]:
        """Enqueue many jobs in few round trips, in the order given.

        Each is recorded for good by itself: what comes of one changes nothing for the others.

        Args:
            jobs: made and checked before.
            job_ids: one for each job, to send them again after an error; new ones by default.

        Returns:
            For each job its record, whether it is new, and the conflict if it was not enqueued.

        Raises:
            InvalidJob: an id is not what it must be; nothing was enqueued.
            EnqueueInterrupted: Redis went or said no halfway. It holds how far it got and the
                ids; enqueue all again with `job_ids=error.job_ids`, and there will be one of each.
        """
        return self._enqueuer.many(jobs, job_ids)

    def cancel(self, job_id: str) -> Cancellation:
        """Have the job not delivered, if that is still possible; the answer says whether.

        Its record is then kept for 7 days, whatever the workers' `FACELIFT_KEEP_CANCELLED`.

        Raises:
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable, LedgerRefused: it may or may not be cancelled; ask again.
        """
        return self._store.cancel(check_job_id(job_id))

    def replay(self, job_id: str, *, new_id: str | None = None) -> JobRecord:
        """Enqueue what an ended job was about once more, as a new job.

        The new one's `replay_of` is `job_id`. It has no idempotency key and may start at
        once, with a deadline of its own.

        Args:
            job_id: the job that has ended.
            new_id: a name of your own for the new one; safe to send again after an error.

        Raises:
            InvalidJob: the job has not ended, or never could be carried out.
            IdempotencyConflict: `new_id` was used before for something else.
            JobNotFound: it was never enqueued, or its record expired.
            LedgerUnavailable, LedgerRefused: as for `enqueue`.
        """
        ended = self.status(job_id)
        if not ended.state.is_terminal:
            raise InvalidJob("replay_of", f"job {job_id} is {ended.state}; it must have ended")
        job = UploadJob(
            chatbot_id=ended.chatbot_id,
            image=ended.image,
            account=ended.account,
            sha256=ended.sha256,
            fit=ended.fit,
        )
        record = self._enqueuer.one(job, new_id, replay_of=job_id)
        if record.replay_of != job_id:
            raise IdempotencyConflict("replay_of", job_id, record)
        return record

    def server(self) -> ServerStatus:
        """How Redis is set up, once it is known that it takes writes.

        Raises:
            LedgerUnavailable: it cannot be reached, or takes no writes now.
            LedgerRefused: it is full, or these credentials may not write or ask this.
        """
        self._store.ping()
        return read_server(self._redis, wrong_types=self._store.wrong_types())

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def settings_from_env() -> dict[str, Any]:
    """What a client is made with, from the variables that producers share with the workers.

    Raises:
        InvalidSettings: with every problem there is.
    """
    problems = []

    def read(variable: str, default: str, check: Callable[[str], _T]) -> _T | None:
        try:
            return check(os.environ.get(variable, "").strip() or default)
        except ValueError as problem:
            problems.append(f"{variable} {problem}")
            return None

    redis_url = read("FACELIFT_REDIS_URL", DEFAULT_REDIS_URL, check_redis_url)
    keys = read("FACELIFT_KEY_PREFIX", DEFAULT_PREFIX, Keys)
    lifetime = read("FACELIFT_DEADLINE", DEFAULT_DEADLINE, _duration)
    window = read("FACELIFT_IDEMPOTENCY_WINDOW", DEFAULT_WINDOW, _duration)
    if redis_url is None or keys is None or lifetime is None or window is None:
        raise InvalidSettings(problems)
    return {
        "redis_url": redis_url,
        "key_prefix": keys.prefix,
        "lifetime": lifetime,
        "idempotency_window": window,
    }


def _duration(text: str) -> float:
    shortest, longest = DURATION_BOUNDS
    seconds = parse_duration(text)
    if seconds is None or not shortest <= seconds <= longest:
        raise ValueError(
            f"must be a duration from {show_duration(shortest)} to {show_duration(longest)}, "
            f"such as {DEFAULT_DEADLINE}"
        )
    return seconds
