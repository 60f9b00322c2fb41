"""Connect to Redis, and map the Redis client's errors to the ledger's."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from redis import Redis, exceptions
from redis.backoff import EqualJitterBackoff
from redis.retry import Retry

from facelift.errors import FaceliftError, InvalidSettings, LedgerRefused, LedgerUnavailable
from facelift.ledger.limits import LimitedPool, limiting
from facelift.ledger.time_left import is_time_left
from facelift.ledger.urls import check_redis_url

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"

_ANSWER_SECONDS = 5.0

_T = TypeVar("_T")

_WRONG_CREDENTIALS = (exceptions.AuthenticationError, exceptions.AuthorizationError)
# redis-py has classes for some errors, and removes their code from the message. Errors inside a
# script have the code in their message, which Redis 6.2 wraps.
_NOT_NOW = (exceptions.ReadOnlyError, exceptions.MasterDownError)
_NOT_NOW_CODE = r"(^|-)(READONLY|MASTERDOWN|NOREPLICAS|BUSY) "
_FULL_CODE = r"(^|-)OOM "
_UNSAVED_CODE = r"(^|-)MISCONF "
_FULL, _UNSAVED = "Redis is full", "Redis cannot save to its disk"
_NO_PERMISSION = "The user executing the script can't"  # ACL's refusal has no code in a script


def connect(
    redis_url: str,
    *,
    retries: int = 3,
    connections: int = 500,
    patience: float = _ANSWER_SECONDS,
    call_timeout: float | None = None,
    thread_bound: bool = False,
) -> Redis:
    """A Redis client whose calls end within seconds when Redis is gone.

    Every call of the ledger may be repeated without harm, so a call whose connection was cut is
    repeated before the caller sees an error. A Redis that accepts connections and never answers
    costs `patience` an attempt.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        retries: how often a call is repeated; the waits between grow from 0.1 to 1 s.
        connections: at most so many; a thread needs one while it calls.
        patience: seconds for an answer, and for a connection to be made.
        call_timeout: seconds of a call in all: until a connection is idle or made, for the
            answer and all attempts. An attempt has half of it at most. None for as many as the
            attempts take.
        thread_bound: whether each thread keeps a connection of its own; not for a process that
            forks, and without `call_timeout`.

    Raises:
        InvalidSettings: `redis_url` is no Redis URL.
    """
    if not isinstance(redis_url, str):
        what = f"must be text, not {type(redis_url).__name__}; a client is given as redis="
        raise InvalidSettings([f"FACELIFT_REDIS_URL {what}"])
    try:
        check_redis_url(redis_url)
    except ValueError as problem:
        raise InvalidSettings([f"FACELIFT_REDIS_URL {problem}"]) from None
    options = {
        "max_connections": connections,
        "retry": _Retry(EqualJitterBackoff(cap=1, base=0.05), retries),
    }
    pool: Any
    if call_timeout is None:
        options |= _options(redis_url, patience)
        redis = (_ThreadBound if thread_bound else Redis).from_url(redis_url, **options)
        pool = redis.connection_pool
        pool.connection_class = _reading_on(pool.connection_class)
    else:
        options |= _options(redis_url, min(patience, call_timeout / 2))
        pool = LimitedPool.from_url(redis_url, call_timeout=call_timeout, **options)
        pool.connection_class = limiting(_reading_on(pool.connection_class))
        redis = Redis.from_pool(pool)
    return redis


def check_redis(redis: object) -> Redis:
    """Return a client that the caller made, if the ledger can work with it.

    Raises:
        InvalidSettings: it is another thing, one for asyncio, or its replies would be bytes.
    """
    if not isinstance(redis, Redis):
        what = type(redis).__name__
        if any(each.__module__.startswith("redis.asyncio") for each in type(redis).__mro__):
            what = "one for asyncio: AsyncUploadClient takes a redis.Redis too"
        raise InvalidSettings([f"redis must be a redis.Redis, not {what}"])
    if not redis.get_encoder().decode_responses:
        raise InvalidSettings(["redis must be made with decode_responses=True"])
    return redis


def takes_no_writes(error: LedgerRefused) -> bool:
    """Whether Redis refused because it is full or cannot save: it can still be read."""
    return str(error).startswith((_FULL, _UNSAVED))


@cache
def _reading_on(kind: Any) -> Any:  # noqa: ANN401 - redis-py's classes, by the URL's scheme
    """Connections whose health check a Redis passes that cannot save: it refuses even PING then."""

    class Connection(kind):  # type: ignore[misc] # a class that is known when it runs
        def check_health(self) -> None:
            try:
                super().check_health()
            except exceptions.ResponseError as error:
                _pass_if_unsaved(error)

    return Connection


def _pass_if_unsaved(error: exceptions.ResponseError) -> None:
    if not re.match(_UNSAVED_CODE, str(error)):
        raise error


def _options(redis_url: str, patience: float = _ANSWER_SECONDS) -> dict[str, Any]:
    # redis-py's connection to a Unix socket takes no such options.
    tcp = {"socket_keepalive": True, "socket_connect_timeout": min(3.0, patience)}
    return {
        "decode_responses": True,
        "socket_timeout": patience,
        "health_check_interval": 10,
        **({} if redis_url.startswith("unix:") else tcp),
    }


@contextmanager
def translated() -> Iterator[None]:
    """Map what the Redis client raises inside the block to the ledger's errors.

    Raises:
        LedgerUnavailable: Redis cannot be reached, or is loading or failing over.
        LedgerRefused: Redis refused.
    """
    try:
        yield
    except FaceliftError:  # some are OSErrors
        raise
    except (exceptions.RedisError, OSError) as error:
        raise _translation(error) from error


def _translation(error: Exception) -> LedgerUnavailable | LedgerRefused:
    if isinstance(error, (*_WRONG_CREDENTIALS, exceptions.NoPermissionError)):
        return LedgerRefused(f"Redis refuses these credentials: {error}")
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return LedgerUnavailable(f"Redis cannot be reached: {error}")
    if str(error).startswith(_NO_PERMISSION):
        return LedgerRefused(f"Redis refuses these credentials: {error}")
    if isinstance(error, _NOT_NOW) or re.search(_NOT_NOW_CODE, str(error)):
        return LedgerUnavailable(f"Redis does not take this now: {error}")
    return LedgerRefused(f"{_refusal(error)}: {error}")


def _refusal(error: Exception) -> str:
    if isinstance(error, exceptions.OutOfMemoryError) or re.search(_FULL_CODE, str(error)):
        return _FULL
    return _UNSAVED if re.search(_UNSAVED_CODE, str(error)) else "Redis refused"


class _ThreadBound(Redis):
    """A client whose threads keep their connections until they end.

    To take a connection from the pool, and to check whether a reply is left in it, costs a
    worker 4% of a job's CPU time.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        super().__init__(**options)
        self._own = threading.local()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        """Call Redis by this thread's connection; see `Redis`."""
        if not hasattr(self._own, "client"):
            self._own.client = _OneConnection(
                connection_pool=self.connection_pool, single_connection_client=True
            )
        return self._own.client.execute_command(*args, **options)


class _OneConnection(Redis):
    """A client of one thread and one connection: without the lock and statistics of others.

    They and options that the ledger does not use take a quarter of a call's CPU time.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        """Call Redis; see `Redis`."""
        connection: Any = self.connection

        def call() -> Any:  # noqa: ANN401 - redis-py's
            connection.send_command(*args, **options)
            return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call] # redis-py is partly untyped

        return connection.retry.call_with_retry(call, lambda _: connection.disconnect())


class _Retry(Retry):
    """Repeats a call unless Redis refused the credentials: it would refuse them again.

    A connection that is made for a call is not retried by itself: the two numbers of attempts
    would multiply.
    """

    _is_retrying = False  # each connection has a copy of its own

    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., object],
        *args: Any,  # noqa: ANN401 - they differ among redis-py's releases
        **options: Any,  # noqa: ANN401 - the same as for `args`
    ) -> _T:
        """Call `do`; see `Retry`."""

        def give_up_if_refused(error: Exception, *count: int) -> None:
            fail(error, *count)
            if isinstance(error, _WRONG_CREDENTIALS) or not is_time_left():
                raise error

        if self._is_retrying:
            return do()
        self._is_retrying = True
        try:
            return super().call_with_retry(do, give_up_if_refused, *args, **options)
        finally:
            self._is_retrying = False
