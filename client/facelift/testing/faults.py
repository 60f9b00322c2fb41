"""What befalls the clients' connections to Redis in a test: outages, lost answers, slowness."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from fakeredis import FakeRedis, FakeServer
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

_REFUSED = "Error 111 connecting to 127.0.0.1:6379. Connection refused."
_LOST = "Timeout reading from 127.0.0.1:6379"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with Redis, as clients see it.

    Attributes:
        is_down: whether it refuses connections.
        loses_answers: whether what a call asks for is done, and the answer never comes.
        seconds: for which each call waits for its answer.
    """

    is_down: bool = False
    loses_answers: bool = False
    seconds: float = 0.0


class Faults:
    """The trouble of one Redis in memory, and clients that have it."""

    def __init__(self) -> None:
        self._trouble = Trouble()

    @contextmanager
    def trouble(self, **what: Any) -> Iterator[None]:  # noqa: ANN401 - the fields of `Trouble`
        """Inside the block, have this trouble too."""
        before, self._trouble = self._trouble, replace(self._trouble, **what)
        try:
            yield
        finally:
            self._trouble = before

    def connect(self, server: FakeServer) -> FakeRedis:
        """A client that has the trouble at once: it repeats no call."""
        redis = FakeRedis(server=server, decode_responses=True, retry=Retry(NoBackoff(), 0))
        pool: Any = redis.connection_pool
        pool.connection_class = self._failing(pool.connection_class)
        return redis

    def _failing(self, kind: Any) -> Any:  # noqa: ANN401 - fakeredis' class
        faults = self

        class Connection(kind):  # type: ignore[misc] # a class that is known when it runs
            _is_connecting = False

            def connect(self) -> None:
                self._is_connecting = True
                try:
                    super().connect()
                finally:
                    self._is_connecting = False

            def send_packed_command(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - redis-py's
                if faults._trouble.is_down:
                    self.disconnect()
                    raise exceptions.ConnectionError(_REFUSED)
                if not self._is_connecting:  # a call, not what its connection needs before
                    self.connect()
                    time.sleep(faults._trouble.seconds)
                super().send_packed_command(*args, **options)

            def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
                answer = super().read_response(*args, **options)
                if faults._trouble.loses_answers and not self._is_connecting:
                    self.disconnect()
                    raise exceptions.TimeoutError(_LOST)
                return answer

        return Connection
