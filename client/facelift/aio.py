"""`UploadClient` for asyncio.

A call that Redis answers at once runs in a thread of the event loop, by the method of
`UploadClient`. Waiting, which may take long, holds no thread: all that wait share one thread, and
one connection that listens.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from redis import Redis

from facelift.batch import BatchStatus
from facelift.checks import Duration, Id, check_timeout
from facelift.client import UploadClient
from facelift.errors import LedgerUnavailable
from facelift.job import check_job_id
from facelift.ledger.connection import DEFAULT_REDIS_URL
from facelift.ledger.keys import DEFAULT_PREFIX
from facelift.ledger.store import JobStore
from facelift.operations.batches import follow_batch
from facelift.operations.follow import Following
from facelift.operations.observe import (
    MOST_AT_ONCE,
    WAIT_SILENCE,
    WATCH_SILENCE,
    check_entry,
    follow_job,
)
from facelift.operations.settings import CALL_TIMEOUT, DAY, MAX_CONNECTIONS, settings_from_env
from facelift.queries import Outcome
from facelift.record import JobRecord

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PAUSES = 0.02, 0.5
"""Seconds between two looks for outcomes: soon after some came, and after a while without any."""


def _in_thread(
    method: Callable[Concatenate[UploadClient, _P], _T],
) -> Callable[Concatenate["AsyncUploadClient", _P], Coroutine[Any, Any, _T]]:
    @functools.wraps(method)
    async def call(self: "AsyncUploadClient", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.to_thread(method, self.client, *args, **kwargs)

    return call


class AsyncUploadClient:
    """Enqueues uploads and reads their outcomes without blocking the event loop.

    It has the methods of `UploadClient`, with the same arguments and errors; what yields there is
    read by `async for` here. A task that is cancelled while it waits leaves nothing behind; the
    job goes on. One that is cancelled while it enqueues may have enqueued: repeat it with the
    same `job_id`.

    Args:
        redis_url: the Redis that the workers use; `rediss://` for TLS.
        key_prefix: separates ledgers on one Redis; must be the workers'.
        lifetime: seconds or a timedelta until a job expires, if it does not say.
        idempotency_window: seconds or a timedelta for which an idempotency key is remembered,
            unless the record of its job expires before.
        call_timeout: seconds or a timedelta that a question to Redis takes at most; see
            `UploadClient`.
        max_connections: how many connections to Redis are open at most.
        redis: a client to use instead of `redis_url`, made with `decode_responses=True`; a
            `redis.Redis` here too, since calls run in threads.
        ledger: a ledger to use instead of one on `redis_url`, such as one in memory.

    Attributes:
        client: the `UploadClient` that this one uses.

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
        self.client = UploadClient(
            redis_url,
            key_prefix=key_prefix,
            lifetime=lifetime,
            idempotency_window=idempotency_window,
            call_timeout=call_timeout,
            max_connections=max_connections,
            redis=redis,
            ledger=ledger,
        )

    @classmethod
    def from_env(cls) -> Self:
        """Make a client from the variables that `UploadClient.from_env` reads.

        Raises:
            InvalidSettings: some are wrong; lists every problem.
        """
        return cls(**settings_from_env())

    @property
    def ledger(self) -> JobStore:
        """The ledger that this client works on."""
        return self.client.ledger

    enqueue = _in_thread(UploadClient.enqueue)
    remove = _in_thread(UploadClient.remove)
    enqueue_job = _in_thread(UploadClient.enqueue_job)
    enqueue_many = _in_thread(UploadClient.enqueue_many)
    cancel = _in_thread(UploadClient.cancel)
    set_priority = _in_thread(UploadClient.set_priority)
    replay = _in_thread(UploadClient.replay)

    status = _in_thread(UploadClient.status)
    find = _in_thread(UploadClient.find)
    history = _in_thread(UploadClient.history)

    batch = _in_thread(UploadClient.batch)
    batches = _in_thread(UploadClient.batches)
    cancel_batch = _in_thread(UploadClient.cancel_batch)
    set_batch_priority = _in_thread(UploadClient.set_batch_priority)

    pause = _in_thread(UploadClient.pause)
    resume = _in_thread(UploadClient.resume)
    pool = _in_thread(UploadClient.pool)
    server = _in_thread(UploadClient.server)
    refused_messages = _in_thread(UploadClient.refused_messages)
    stray_lists = _in_thread(UploadClient.stray_lists)

    async def wait(self, job_id: Id, timeout: Duration | None = 60.0) -> JobRecord:  # noqa: ASYNC109 - its error has the record
        """Wait until the job has ended; see `UploadClient.wait`."""
        ledger, name = self.client.ledger, check_job_id(job_id)
        following = follow_job(ledger, name, timeout, WAIT_SILENCE)
        return await _last(_follow(following, lambda: ledger.reads.get_async(name)))

    def watch(self, job_id: Id, timeout: Duration | None = 60.0) -> AsyncGenerator[JobRecord, None]:
        """Yield the job's record at each change until it has ended; see `UploadClient.watch`."""
        ledger, name = self.client.ledger, check_job_id(job_id)
        return _follow(
            follow_job(ledger, name, timeout, WATCH_SILENCE), lambda: ledger.reads.get_async(name)
        )

    async def wait_batch(self, batch_id: Id, timeout: Duration | None = 60.0) -> BatchStatus:  # noqa: ASYNC109 - its error has the status
        """Wait until all jobs of the batch have ended; see `UploadClient.wait_batch`."""
        return await _last(self.watch_batch(batch_id, timeout))

    def watch_batch(
        self, batch_id: Id, timeout: Duration | None = 60.0, *, every: Duration = 0.2
    ) -> AsyncGenerator[BatchStatus, None]:
        """Yield the batch's status as its jobs end; see `UploadClient.watch_batch`."""
        following = follow_batch(self.client.ledger, batch_id, timeout, every)
        return _follow(following, lambda: self.batch(batch_id))

    def outcomes(
        self, after: str = "$", *, timeout: Duration | None = None
    ) -> AsyncGenerator[Outcome, None]:
        """Yield the outcomes of jobs as the jobs end; see `UploadClient.outcomes`."""
        return _stream(self.client.ledger, check_entry(after), check_timeout("timeout", timeout))

    async def close(self) -> None:
        """Close the connections to Redis."""
        self.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _follow(
    following: Following[_T], read: Callable[[], Awaitable[_T]]
) -> AsyncGenerator[_T, None]:
    """Do what `follow` does, without blocking the event loop."""
    yield (value := await _within(following.seconds_to_read(first=True), read))
    if following.has_ended(value):
        return
    failure = None
    async with following.notifications.listen_async(following.channel, following.silence) as wait:
        while True:
            await wait(following.seconds_to_wait(value, failure))
            try:
                latest = await _within(following.seconds_to_read(), read)
            except LedgerUnavailable as error:
                failure = error
                continue
            failure = None
            if latest == value:
                continue
            yield (value := latest)
            if following.has_ended(value):
                return
            await following.notifications.pause_async(following.pause())


async def _within(seconds: float, read: Callable[[], Awaitable[_T]]) -> _T:
    try:
        async with asyncio.timeout(seconds):
            return await read()
    except TimeoutError:
        raise LedgerUnavailable("Redis cannot be reached: no answer in time") from None


async def _stream(ledger: JobStore, after: str, patience: float) -> AsyncGenerator[Outcome, None]:
    """Do what `UploadClient.outcomes` does. While none comes, it holds neither thread nor call."""
    if after == "$":
        after = await asyncio.to_thread(ledger.records.last_outcome)
    now = ledger.notifications.now
    silent_since, pause = now(), _PAUSES[0]
    while True:
        left = silent_since + patience - now()
        found = await asyncio.to_thread(ledger.records.outcomes, after, MOST_AT_ONCE, 0)
        for outcome in found:
            yield outcome
            after = outcome.entry
            silent_since = now()
        if not found and left <= 0:
            return
        pause = _PAUSES[0] if found else min(2 * pause, _PAUSES[1])
        await asyncio.sleep(0 if found else min(pause, max(0.0, left)))


async def _last(values: AsyncGenerator[_T, None]) -> _T:
    async for value in values:
        last = value
    return last
