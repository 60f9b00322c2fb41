"""`UploadClient` for asyncio.

A call that Redis answers at once runs in a thread of the event loop, by the method of
`UploadClient`. Waiting, which may take long, holds no thread: only a connection that listens.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from facelift.batch import BatchStatus
from facelift.client import UploadClient
from facelift.ledger.connection import DEFAULT_REDIS_URL
from facelift.operations.batches import follow_batch
from facelift.operations.follow import Following
from facelift.operations.observe import follow_job
from facelift.operations.settings import settings_from_env
from facelift.record import JobRecord

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _in_thread(
    method: Callable[Concatenate[UploadClient, _P], _T],
) -> Callable[Concatenate["AsyncUploadClient", _P], Coroutine[Any, Any, _T]]:
    @functools.wraps(method)
    async def call(self: "AsyncUploadClient", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.to_thread(method, self.client, *args, **kwargs)

    return call


class AsyncUploadClient:
    """Enqueues uploads and reads their outcomes without blocking the event loop.

    Its methods are those of `UploadClient`, with the same arguments and errors. A task that is
    cancelled while it waits gives back its connection; the job goes on. One that is cancelled
    while it enqueues may have enqueued: repeat it with the same `job_id`.

    Args:
        redis_url: the Redis that the workers use; `rediss://` for TLS.
        options: the other arguments of `UploadClient`.

    Attributes:
        client: the `UploadClient` that this one uses, for what is not offered here.
    """

    def __init__(
        self,
        redis_url: str = DEFAULT_REDIS_URL,
        **options: Any,  # noqa: ANN401 - passed on as they are
    ) -> None:
        self.client = UploadClient(redis_url, **options)

    @classmethod
    def from_env(cls) -> Self:
        """Make a client from the variables that `UploadClient.from_env` reads.

        Raises:
            InvalidSettings: some are wrong; lists every problem.
        """
        return cls(**settings_from_env())

    enqueue = _in_thread(UploadClient.enqueue)
    enqueue_job = _in_thread(UploadClient.enqueue_job)
    enqueue_many = _in_thread(UploadClient.enqueue_many)
    status = _in_thread(UploadClient.status)
    cancel = _in_thread(UploadClient.cancel)
    set_priority = _in_thread(UploadClient.set_priority)
    batch = _in_thread(UploadClient.batch)
    cancel_batch = _in_thread(UploadClient.cancel_batch)
    set_batch_priority = _in_thread(UploadClient.set_batch_priority)

    async def wait(self, job_id: str, timeout: float = 60.0) -> JobRecord:  # noqa: ASYNC109 - its error has the record
        """Wait until the job has ended; see `UploadClient.wait`."""
        return await _last(self.watch(job_id, timeout))

    def watch(self, job_id: str, timeout: float = 60.0) -> AsyncGenerator[JobRecord, None]:
        """Yield the job's record at each change until it has ended; see `UploadClient.watch`."""
        following = follow_job(self.client.ledger, job_id, timeout)
        return _follow(following, lambda: self.status(job_id))

    async def wait_batch(self, batch_id: str, timeout: float = 60.0) -> BatchStatus:  # noqa: ASYNC109 - its error has the status
        """Wait until all jobs of the batch have ended; see `UploadClient.wait_batch`."""
        return await _last(self.watch_batch(batch_id, timeout))

    def watch_batch(
        self, batch_id: str, timeout: float = 60.0, *, every: float = 0.2
    ) -> AsyncGenerator[BatchStatus, None]:
        """Yield the batch's status as its jobs end; see `UploadClient.watch_batch`."""
        following = follow_batch(self.client.ledger, batch_id, timeout, every)
        return _follow(following, lambda: self.batch(batch_id))

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self.client.source.own.notifications.close_async()
        self.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _follow(
    following: Following[_T], read: Callable[[], Awaitable[_T]]
) -> AsyncGenerator[_T, None]:
    """Do what `follow` does, without blocking the event loop."""
    cancels = _cancels()
    yield (value := await read())
    if following.has_ended(value):
        return
    async with following.notifications.listen_async(following.channel) as wait:
        while True:
            if (latest := await read()) == value:
                if _cancels() > cancels:  # the Redis client, while it connected, swallowed it
                    raise asyncio.CancelledError
                await wait(following.time_left(value))
                continue
            yield (value := latest)
            if following.has_ended(value):
                return
            await following.notifications.pause_async(following.pause())


def _cancels() -> int:
    """How often this task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def _last(values: AsyncGenerator[_T, None]) -> _T:
    async for value in values:
        last = value
    return last
