"""The client through which producers and workers speak to Redis, and what its errors mean."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from redis import Redis, exceptions
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import EqualJitterBackoff
from redis.retry import Retry

from facelift.errors import InvalidSettings, LedgerRefused, LedgerUnavailable
from facelift.ledger.urls import check_redis_url

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"

_ANSWER_SECONDS = 5.0

_T = TypeVar("_T")

_WRONG_CREDENTIALS = (exceptions.AuthenticationError, exceptions.AuthorizationError)
# By class where redis-py has one and takes the code away; by code within a
# script's error, which Redis 6.2 wraps, and where redis-py has no class.
_NOT_NOW = (exceptions.ReadOnlyError, exceptions.MasterDownError)
_NOT_NOW_CODE = re.compile(r"(^|-)(READONLY|MASTERDOWN|NOREPLICAS|CHATBOT_LOCK) ")
_FULL_CODE = re.compile(r"(^|-)OOM ")
_NO_PERMISSION = "The user executing the script can't"  # ACL's refusal has no code in a script


def connect(
    redis_url: str,
    *,
    retries: int = 3,
    connections: int = 500,
    patience: float = _ANSWER_SECONDS,
    thread_bound: bool = False,
) -> Redis:
    """A Redis client whose calls end within seconds when Redis is gone.

    Every call of the ledger may be repeated without harm, so a cut connection
    is tried again before the caller hears of it. A Redis that takes connections
    and answers nothing costs `patience` a try.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        retries: how often a call is tried again; the waits between grow from 0.1 to 1 s.
        connections: at most so many; a thread needs one while it calls, or
            while it waits for a job.
        patience: seconds for an answer, and for a connection to be made.
        thread_bound: whether each thread keeps a connection of its own; not for a process that
            forks.

    Raises:
        InvalidSettings: `redis_url` is no Redis URL.
    """
    try:
        check_redis_url(redis_url)
    except ValueError as problem:
        raise InvalidSettings([f"FACELIFT_REDIS_URL {problem}"]) from None
    return (_ThreadBound if thread_bound else Redis).from_url(
        redis_url,
        max_connections=connections,
        retry=_Retry(EqualJitterBackoff(cap=1, base=0.05), retries),
        **_options(redis_url, patience),
    )


def connect_async(redis_url: str, *, connections: int = 500) -> AsyncRedis:
    """The same for asyncio.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        connections: at most so many; a task needs one while it waits for a job.
    """
    return AsyncRedis.from_url(redis_url, max_connections=connections, **_options(redis_url))


def _options(redis_url: str, patience: float = _ANSWER_SECONDS) -> dict[str, Any]:
    # A Unix socket has no such thing, and redis-py would trip over it.
    tcp = {"socket_keepalive": True, "socket_connect_timeout": min(3.0, patience)}
    return {
        "decode_responses": True,
        "socket_timeout": patience,
        "health_check_interval": 10,
        **({} if redis_url.startswith("unix:") else tcp),
    }


class translated:  # noqa: N801 - used like a function; a generator takes thrice as long
    """Turn what the Redis client raises inside the block into the ledger's errors.

    Raises:
        LedgerUnavailable: Redis cannot be reached, or is loading or failing over.
        LedgerRefused: Redis said no.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, exceptions.RedisError | OSError):
            raise _translation(error) from error


def _translation(error: Exception) -> LedgerUnavailable | LedgerRefused:
    if isinstance(error, (*_WRONG_CREDENTIALS, exceptions.NoPermissionError)):
        return LedgerRefused(f"Redis refuses these credentials: {error}")
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return LedgerUnavailable(f"Redis cannot be reached: {error}")
    if str(error).startswith(_NO_PERMISSION):
        return LedgerRefused(f"Redis refuses these credentials: {error}")
    if isinstance(error, _NOT_NOW) or _NOT_NOW_CODE.search(str(error)):
        return LedgerUnavailable(f"Redis does not take this now: {error}")
    if isinstance(error, exceptions.OutOfMemoryError) or _FULL_CODE.search(str(error)):
        return LedgerRefused(f"Redis is full: {error}")
    return LedgerRefused(f"Redis refused: {error}")


class _ThreadBound(Redis):
    """A client whose threads keep their connections, until they end.

    To lend one for each call, and to look whether a reply was left in it, takes half of a call's
    time.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        super().__init__(**options)
        self._own = threading.local()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the same
        """Call Redis by this thread's connection; see `Redis`."""
        if not hasattr(self._own, "client"):
            self._own.client = _Single(
                connection_pool=self.connection_pool, single_connection_client=True
            )
        return self._own.client.execute_command(*args, **options)


class _Single(Redis):
    """A client of one thread and one connection, which needs no lock and keeps no statistics.

    These and commands that the ledger has no use for take a quarter of a call's time.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        """Call Redis; see `Redis`."""
        connection: Any = self.connection

        def call() -> Any:  # noqa: ANN401 - the same
            connection.send_command(*args, **options)
            return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call] # the same

        return connection.retry.call_with_retry(call, lambda _: connection.disconnect())


class _Retry(Retry):
    """Tries again where that may help.

    What Redis refused it will refuse again. And a connection that is made for a
    command is not tried again by itself: the two numbers of tries would multiply.
    """

    _trying = False  # each connection has a copy of its own

    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., object],
        *args: Any,  # noqa: ANN401 - they differ among redis-py's releases
        **options: Any,  # noqa: ANN401 - the same
    ) -> _T:
        """Call `do`; see `Retry`."""

        def give_up_if_refused(error: Exception, *count: int) -> None:
            fail(error, *count)
            if isinstance(error, _WRONG_CREDENTIALS):
                raise error

        if self._trying:
            return do()
        self._trying = True
        try:
            return super().call_with_retry(do, give_up_if_refused, *args, **options)
        finally:
            self._trying = False
