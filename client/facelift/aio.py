"""`UploadClient` for asyncio.

A call that Redis answers at once runs in a thread of the loop's, and is the very method of
`UploadClient`. What may take long, waiting, holds no thread: only a connection that listens.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from facelift.client import UploadClient, settings_from_env
from facelift.ledger.connection import DEFAULT_REDIS_URL, connect_async, translated
from facelift.ledger.keys import DEFAULT_PREFIX, Keys
from facelift.operations.batches import BatchTimeout
from facelift.operations.follow import Patience
from facelift.operations.observe import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine

    from facelift.batch import BatchStatus
    from facelift.record import JobRecord

_P = ParamSpec("_P")
_T = TypeVar("_T")

_LISTENING = 5.0  # seconds that Redis has to say so


def _in_thread(
    method: Callable[Concatenate[UploadClient, _P], _T],
) -> Callable[Concatenate[AsyncUploadClient, _P], Coroutine[Any, Any, _T]]:
    @functools.wraps(method)
    async def call(self: AsyncUploadClient, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.to_thread(method, self.client, *args, **kwargs)

    return call


class AsyncUploadClient:
    """Enqueues uploads and tells what became of them, without blocking the event loop.

    Its methods are those of `UploadClient`, with the same arguments and errors. A task that is
    cancelled while it waits gives back its connection; the job goes on. One that is cancelled
    while it enqueues may have enqueued: repeat it with the same `job_id`.

    Args:
        redis_url: the Redis that the workers use; `rediss://` for TLS.
        key_prefix: tells ledgers on one Redis apart; the workers' must be the same.
        options: what else `UploadClient` takes.

    Attributes:
        client: the other client, for all that is not told here.
    """

    def __init__(
        self,
        redis_url: str = DEFAULT_REDIS_URL,
        *,
        key_prefix: str = DEFAULT_PREFIX,
        **options: Any,  # noqa: ANN401 - handed on as they are
    ) -> None:
        self.client = UploadClient(redis_url, key_prefix=key_prefix, **options)
        self._keys = Keys(key_prefix)
        self._redis = connect_async(redis_url)

    @classmethod
    def from_env(cls) -> Self:
        """Make a client from the variables that `UploadClient.from_env` reads.

        Raises:
            InvalidSettings: with every problem there is.
        """
        return cls(**settings_from_env())

    enqueue = _in_thread(UploadClient.enqueue)
    enqueue_job = _in_thread(UploadClient.enqueue_job)
    enqueue_many = _in_thread(UploadClient.enqueue_many)
    status = _in_thread(UploadClient.status)
    cancel = _in_thread(UploadClient.cancel)
    batch = _in_thread(UploadClient.batch)
    cancel_batch = _in_thread(UploadClient.cancel_batch)

    async def wait(self, job_id: str, timeout: float = 60.0) -> JobRecord:  # noqa: ASYNC109 - told in the record
        """Wait until the job has ended; see `UploadClient.wait`."""
        return await _last(self.watch(job_id, timeout))

    def watch(self, job_id: str, timeout: float = 60.0) -> AsyncGenerator[JobRecord, None]:
        """Yield the job's record at each change until it has ended; see `UploadClient.watch`."""
        return self._follow(
            lambda: self.status(job_id),
            lambda record: record.state.is_terminal,
            self._keys.changes(job_id),
            Patience(timeout),
            lambda record: WaitTimeout(record, timeout),
        )

    async def wait_batch(self, batch_id: str, timeout: float = 60.0) -> BatchStatus:  # noqa: ASYNC109 - told in the status
        """Wait until all jobs of the batch have ended; see `UploadClient.wait_batch`."""
        return await _last(self.watch_batch(batch_id, timeout))

    def watch_batch(
        self, batch_id: str, timeout: float = 60.0, *, every: float = 0.2
    ) -> AsyncGenerator[BatchStatus, None]:
        """Yield how the batch stands as its jobs end; see `UploadClient.watch_batch`."""
        return self._follow(
            lambda: self.batch(batch_id),
            lambda status: status.is_complete,
            self._keys.batch_changes(batch_id),
            Patience(timeout, every),
            lambda status: BatchTimeout(status, timeout),
        )

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._redis.aclose()
        self.client.close()

    async def _follow(
        self,
        look: Callable[[], Awaitable[_T]],
        is_over: Callable[[_T], bool],
        channel: str,
        patience: Patience,
        timed_out: Callable[[_T], Exception],
    ) -> AsyncGenerator[_T, None]:
        """What `follow` does."""
        cancels = _cancels()
        yield (seen := await look())
        if is_over(seen):
            return
        async with self._listening(channel) as wait:
            while True:
                if (now := await look()) != seen:
                    yield (seen := now)
                    if is_over(seen):
                        return
                    await asyncio.sleep(patience.rest())
                else:
                    if _cancels() > cancels:  # and the Redis client, which connected, lost it
                        raise asyncio.CancelledError
                    await wait(patience.wait(functools.partial(timed_out, seen)))

    @asynccontextmanager
    async def _listening(
        self, channel: str
    ) -> AsyncIterator[Callable[[float], Coroutine[Any, Any, None]]]:
        """What `RecordReader.listening` does."""
        with translated():
            async with self._redis.pubsub() as listener:
                await listener.subscribe(channel)
                await listener.get_message(timeout=_LISTENING)

                async def wait(seconds: float) -> None:
                    with translated():
                        told = await listener.get_message(timeout=seconds)
                        while told:
                            told = await listener.get_message()

                yield wait

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


def _cancels() -> int:
    """How often this task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def _last(found: AsyncGenerator[_T, None]) -> _T:
    async for each in found:
        last = each
    return last
