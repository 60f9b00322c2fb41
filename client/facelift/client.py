"""The client: enqueues uploads, reads their outcomes, pauses and resumes the pool."""

import functools
import math
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from redis import Redis

from facelift.asset import Action, Asset, AssetName
from facelift.checks import Duration, Id, Moment, check_duration, check_limit, check_time
from facelift.errors import InvalidJob, InvalidSettings
from facelift.fit import Fit, FitName, Focus
from facelift.job import Priority, PriorityName, UploadJob
from facelift.ledger.connection import DEFAULT_REDIS_URL, check_redis, connect
from facelift.ledger.keys import DEFAULT_PREFIX, Keys
from facelift.ledger.store import JobStore
from facelift.metadata import Metadata
from facelift.operations.batches import Batches
from facelift.operations.enqueue import Producer
from facelift.operations.observe import Observer
from facelift.operations.operate import Operator
from facelift.operations.settings import (
    CALL_TIMEOUT,
    CALL_TIMEOUT_BOUNDS,
    DAY,
    DURATION_BOUNDS,
    MAX_CONNECTIONS,
    MOST_CONNECTIONS,
    settings_from_env,
)
from facelift.operations.source import LedgerSource
from facelift.record import JobRecord

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _of(
    part: str, method: Callable[Concatenate[Any, _P], _T]
) -> Callable[Concatenate["UploadClient", _P], _T]:
    """Offer a method of a part that the client holds, with its signature and docstring."""

    @functools.wraps(method)
    def call(self: "UploadClient", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return method(getattr(self, part), *args, **kwargs)

    return call


class UploadClient:
    """Enqueues uploads, reads their outcomes, pauses and resumes.

    Thread-safe; keep one and share it. It connects at the first call. Every method that asks
    Redis raises `LedgerUnavailable` if Redis cannot be reached, and `LedgerRefused` if it refuses.

    Args:
        redis_url: the Redis that the workers use; `rediss://` for TLS.
        key_prefix: separates ledgers on one Redis; must be the workers'.
        lifetime: seconds or a timedelta until a job expires, if it does not say.
        idempotency_window: seconds or a timedelta for which an idempotency key is remembered,
            unless the record of its job expires before.
        call_timeout: seconds or a timedelta that a question to Redis takes at most, from 0.1 s
            to 5 min: the connection, all attempts and the answer together. What asks many, such as
            `enqueue_many`, has so long for each.
        max_connections: how many connections to Redis are open at most; a call that finds all
            of them in use waits for one.
        redis: a client to use instead of `redis_url`, made with `decode_responses=True`; its
            own timeouts and connections count.
        ledger: a ledger to use instead of one on `redis_url`, such as one in memory.

    Attributes:
        source: gives the client's parts their ledger.

    Raises:
        InvalidSettings: an argument has a wrong value.
    """

    def __init__(
        self,
        redis_url: str = DEFAULT_REDIS_URL,
        *,
        key_prefix: str = DEFAULT_PREFIX,
        lifetime: Duration = DAY,
        idempotency_window: Duration = DAY,
        call_timeout: Duration = CALL_TIMEOUT,
        max_connections: int = MAX_CONNECTIONS,
        redis: Redis | None = None,
        ledger: JobStore | None = None,
    ) -> None:
        try:
            keys = Keys(str(key_prefix))
        except ValueError as problem:
            raise InvalidSettings([f"FACELIFT_KEY_PREFIX {problem}"]) from None
        if ledger is not None and not isinstance(ledger, JobStore):
            raise InvalidSettings([f"ledger must be a JobStore, not {type(ledger).__name__}"])
        until_expiry = _duration("lifetime", lifetime)
        window = _duration("idempotency_window", idempotency_window)
        timeout = _duration("call_timeout", call_timeout, CALL_TIMEOUT_BOUNDS)
        connections = _connections(max_connections)
        is_fixed = ledger is not None
        if ledger is None:
            redis = (
                connect(redis_url, connections=connections, call_timeout=timeout)
                if redis is None
                else check_redis(redis)
            )
            ledger = JobStore(redis, keys=keys)
        self.source = LedgerSource(ledger, is_fixed)
        self._producer = Producer(self.source, until_expiry, math.ceil(window))
        self._observer = Observer(self.source)
        self._batches = Batches(self.source)
        self._operator = Operator(self.source)

    @classmethod
    def from_env(cls) -> Self:
        """Make a client from the environment variables that producers share with the workers.

        They are `FACELIFT_REDIS_URL`, `FACELIFT_KEY_PREFIX`, `FACELIFT_DEADLINE` and
        `FACELIFT_IDEMPOTENCY_WINDOW`; and of its own `FACELIFT_CALL_TIMEOUT` and
        `FACELIFT_MAX_CONNECTIONS`. An empty one counts as not set.

        Raises:
            InvalidSettings: some are wrong; lists every problem.
        """
        return cls(**settings_from_env())

    @property
    def ledger(self) -> JobStore:
        """The ledger that this client works on."""
        return self.source.ledger

    def enqueue(
        self,
        chatbot_id: Id,
        image: str,
        *,
        account: str = "default",
        idempotency_key: Id | None = None,
        sha256: str | None = None,
        not_before: Moment | None = None,
        expires_at: Moment | None = None,
        fit: Fit | FitName = "strict",
        fit_focus: Focus | str | None = None,
        batch: Id | None = None,
        priority: Priority | PriorityName = "normal",
        fairness_key: Id | None = None,
        asset: Asset | AssetName = "profile_picture",
        metadata: Metadata | None = None,
        job_id: Id | None = None,
    ) -> JobRecord:
        """Enqueue the upload of `image` to a chatbot. Returns once the job is recorded.

        Ids may be given as UUIDs.

        Args:
            chatbot_id: the chatbot's id at Chatbase.
            image: the stored image, `<store>:<path>`, e.g. `media:bots/42.png`.
            account: which of the workers' API keys to use.
            idempotency_key: enqueueing again with the same key gives the same job.
            sha256: what the image's bytes must hash to, in hexadecimal.
            not_before: a datetime with a time zone, a timedelta from now, or Unix seconds; not
                started earlier.
            expires_at: the same; a job not delivered by then ends as `expired`.
            fit: `strict` sends the exact bytes or refuses them; `crop` and `pad` first make an
                image that would be refused square, small enough and still.
            fit_focus: with `fit="crop"`, the point that is kept as near to the middle as can be:
                fractions of width and height from the top left, such as `(0.5, 0.3)`.
            batch: a name that many jobs share, to follow or cancel them as one.
            priority: `high`, `normal` or `low`: how large a share of its account's rate the
                job's flow gets.
            fairness_key: whose job it is, such as `customer-42`. Jobs of one key and priority
                are a flow; the flows of an account take turns. By default a batch is a flow,
                and all jobs without a batch are one.
            asset: `profile_picture` or `icon`: what the image becomes.
            metadata: a small map of text of your own, such as `{"user_id": "42"}`; it comes back
                with the record, the stream of outcomes and the webhook.
            job_id: an id of your own; safe to send again after an error. Beside an idempotency
                key that is known, that key's job counts, whatever its id.

        Raises:
            InvalidJob: a field has a wrong value; nothing was enqueued.
            IdempotencyConflict: the key or id was used before for another job.
            LedgerUnavailable, LedgerRefused: the job may or may not be enqueued.
        """
        now = self.ledger.now
        job = UploadJob(
            chatbot_id=chatbot_id,
            image=image,
            account=account,
            idempotency_key=idempotency_key,
            sha256=sha256,
            not_before=check_time("not_before", not_before, now=now),
            expires_at=check_time("expires_at", expires_at, now=now),
            fit=fit,
            fit_focus=fit_focus,
            batch=batch,
            priority=priority,
            fairness_key=fairness_key,
            asset=asset,
            metadata=metadata,
        )
        return self.enqueue_job(job, job_id)

    def remove(
        self,
        chatbot_id: Id,
        *,
        asset: Asset | AssetName = "profile_picture",
        account: str = "default",
        idempotency_key: Id | None = None,
        not_before: Moment | None = None,
        expires_at: Moment | None = None,
        batch: Id | None = None,
        priority: Priority | PriorityName = "normal",
        fairness_key: Id | None = None,
        metadata: Metadata | None = None,
        job_id: Id | None = None,
    ) -> JobRecord:
        """Enqueue the removal of a chatbot's picture or icon. Returns once the job is recorded.

        It takes its place in the order of the chatbot's images: older ones that have not been
        delivered are superseded, and a newer one supersedes it. It ends as `removed`.

        Args:
            chatbot_id: the chatbot's id at Chatbase.
            asset: `profile_picture` or `icon`: what is taken away.
            account: which of the workers' API keys to use.
            idempotency_key: enqueueing again with the same key gives the same job.
            not_before: not started earlier; as of `enqueue`.
            expires_at: a job that has not succeeded by then ends as `expired`.
            batch: a name that many jobs share.
            priority: `high`, `normal` or `low`.
            fairness_key: whose job it is; as of `enqueue`.
            metadata: a small map of text of your own; as of `enqueue`.
            job_id: an id of your own; safe to send again after an error.

        Raises:
            InvalidJob: a field has a wrong value; nothing was enqueued.
            IdempotencyConflict: the key or id was used before for another job.
            LedgerUnavailable, LedgerRefused: the job may or may not be enqueued.
        """
        now = self.ledger.now
        job = UploadJob(
            chatbot_id=chatbot_id,
            account=account,
            idempotency_key=idempotency_key,
            not_before=check_time("not_before", not_before, now=now),
            expires_at=check_time("expires_at", expires_at, now=now),
            batch=batch,
            priority=priority,
            fairness_key=fairness_key,
            asset=asset,
            action=Action.REMOVE,
            metadata=metadata,
        )
        return self.enqueue_job(job, job_id)

    enqueue_job = _of("_producer", Producer.enqueue_job)
    enqueue_many = _of("_producer", Producer.enqueue_many)
    cancel = _of("_producer", Producer.cancel)
    set_priority = _of("_producer", Producer.set_priority)
    replay = _of("_producer", Producer.replay)

    status = _of("_observer", Observer.status)
    wait = _of("_observer", Observer.wait)
    watch = _of("_observer", Observer.watch)
    find = _of("_observer", Observer.find)
    history = _of("_observer", Observer.history)
    outcomes = _of("_observer", Observer.outcomes)

    batch = _of("_batches", Batches.batch)
    batches = _of("_batches", Batches.batches)
    wait_batch = _of("_batches", Batches.wait_batch)
    watch_batch = _of("_batches", Batches.watch_batch)
    cancel_batch = _of("_batches", Batches.cancel_batch)
    set_batch_priority = _of("_batches", Batches.set_batch_priority)

    pause = _of("_operator", Operator.pause)
    resume = _of("_operator", Operator.resume)
    pool = _of("_operator", Operator.pool)
    server = _of("_operator", Operator.server)
    refused_messages = _of("_operator", Operator.refused_messages)
    stray_lists = _of("_operator", Operator.stray_lists)

    def close(self) -> None:
        """Close the connections to Redis."""
        if not self.source.is_fixed:
            self.source.own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _duration(
    argument: str, value: Duration, bounds: tuple[float, float] = DURATION_BOUNDS
) -> float:
    try:
        return check_duration(argument, value, *bounds)
    except InvalidJob as error:
        raise InvalidSettings([f"{argument} {error.reason}"]) from None


def _connections(count: int) -> int:
    try:
        return check_limit("max_connections", count, MOST_CONNECTIONS)
    except InvalidJob as error:
        raise InvalidSettings([f"{error.field} {error.reason}"]) from None
