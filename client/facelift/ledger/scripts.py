"""Calls the ledger's Lua scripts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from facelift.ledger.connection import translated
from facelift.ledger.sources import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redis import Redis

    from facelift.ledger.keys import Keys
    from facelift.ledger.sources import Retention


class Scripts:
    """The ledger's scripts on one Redis, called by their hashes.

    Redis forgets scripts when it restarts, fails over or is told to. One is then sent along
    with the call: between loading and calling, Redis may forget it again.

    Args:
        redis: a client made with `decode_responses=True`; safe to share among threads.
        keys: tells ledgers on one Redis apart.
        retention: how long ended jobs are kept.
        now: Unix seconds; by default Redis' own clock, the same for everybody.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        retention: Retention,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._redis = redis
        self._now = now
        self._sources = sources(keys, retention)
        self._hashes = {
            name: hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
            for name, source in self._sources.items()
        }

    def call(self, name: str, *arguments: str | float) -> Any:  # noqa: ANN401 - replies differ
        """Run a script; returns what it replies.

        Raises:
            LedgerUnavailable: Redis cannot be reached, or is loading or failing over.
            LedgerRefused: Redis said no.
        """
        now = self._time()
        with translated():
            try:
                return self._redis.evalsha(self._hashes[name], 0, now, *arguments)
            except NoScriptError:
                return self._redis.eval(self._sources[name], 0, now, *arguments)

    def call_each(self, name: str, calls: Sequence[Sequence[str | float]]) -> Iterator[Any]:
        """Run a script for each list of arguments, in one round trip; yields what each replies.

        Raises:
            LedgerUnavailable: Redis cannot be reached, or is loading or failing over.
            LedgerRefused: Redis said no to the one whose reply would be next.
        """
        now = self._time()
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            # The first call carries the script, so that the others find it.
            pipeline.eval(self._sources[name], 0, now, *calls[0])
            for arguments in calls[1:]:
                pipeline.evalsha(self._hashes[name], 0, now, *arguments)
            replies = pipeline.execute(raise_on_error=False)
        for arguments, reply in zip(calls, replies, strict=True):
            if isinstance(reply, NoScriptError):  # Redis has forgotten it meanwhile
                yield self.call(name, *arguments)
            elif isinstance(reply, Exception):
                with translated():
                    raise reply
            else:
                yield reply

    def _time(self) -> str:
        return "" if self._now is None else f"{self._now():.6f}"
