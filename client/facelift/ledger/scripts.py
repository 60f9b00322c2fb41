"""The ledger's Lua scripts: assemble them, call them.

A script lies in `lua/<folder>/<name>.lua`. Its first line may name the files of `lua/include/`
that it uses (`-- include: clock, records`); those may name others. Redis runs all of it at each
call, so an include is small, and a script includes no function that it does not use.

The files are written for the default key prefix, and have two marks: `@QUEUE@` for the Celery
queue's name and `@MESSAGE@` for the wake-up message.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoScriptError

from facelift.ledger.connection import translated
from facelift.ledger.keys import Keys
from facelift.ledger.message import envelope

_INCLUDE = "-- include: "

_loading = threading.Lock()


class Script(NamedTuple):
    """A script as Redis knows it."""

    source: str
    sha1: str


@cache
def load_script(name: str, keys: Keys) -> Script:
    """Read a script, such as `jobs/enqueue`, for the keys of one ledger."""
    source = "".join(_parts(name, set()))
    source = source.replace(Keys().base, keys.base).replace("@QUEUE@", keys.queue)
    source = source.replace("@MESSAGE@", envelope(keys.queue))
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _parts(name: str, included: set[str]) -> Iterator[str]:
    """The files that a script includes, each once and behind what it includes, then the script."""
    source = (resources.files(__package__) / "lua" / f"{name}.lua").read_text("utf-8")
    first_line = source.partition("\n")[0]
    if first_line.startswith(_INCLUDE):
        for include in first_line.removeprefix(_INCLUDE).split(", "):
            if include not in included:
                included.add(include)
                yield from _parts(f"include/{include}", included)
    yield source


class Scripts:
    """The ledger's scripts on one Redis, called by their hashes.

    Redis forgets scripts when it restarts, fails over or flushes its cache. A
    script is then sent with the call: between loading and calling, Redis may forget it again.

    Args:
        redis: a client made with `decode_responses=True`; safe to share among threads.
        keys: of the ledger.
        now: Unix seconds; by default Redis' own clock, the same for everybody.

    Attributes:
        knowledge: what this process knows of Redis' clock; see `clock.py`.
    """

    def __init__(self, redis: Redis, keys: Keys, now: Callable[[], float] | None = None) -> None:
        self._redis = redis
        self._keys = keys
        self.knowledge: Callable[[], str] = str
        self._now = now
        self._loaded: dict[str, Script] = {}

    def call(self, name: str, *arguments: str | float) -> Any:  # noqa: ANN401 - replies differ
        """Run a script; returns its reply.

        Raises:
            LedgerUnavailable: Redis cannot be reached, or is loading or failing over.
            LedgerRefused: Redis refused.
        """
        script, now = self._script(name), self._time()
        with translated():
            try:
                return self._redis.evalsha(script.sha1, 0, now, *arguments)
            except NoScriptError:
                return self._redis.eval(script.source, 0, now, *arguments)

    def call_each(self, name: str, calls: Sequence[Sequence[str | float]]) -> Iterator[Any]:
        """Run a script for each list of arguments, in one round trip; yields the replies.

        Raises:
            LedgerUnavailable: Redis cannot be reached, or is loading or failing over.
            LedgerRefused: Redis refused the call whose reply would be next.
        """
        script, now = self._script(name), self._time()
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            # The first call carries the script, so that the others find it.
            pipeline.eval(script.source, 0, now, *calls[0])
            for arguments in calls[1:]:
                pipeline.evalsha(script.sha1, 0, now, *arguments)
            replies = pipeline.execute(raise_on_error=False)
        for arguments, reply in zip(calls, replies, strict=True):
            if isinstance(reply, NoScriptError):  # Redis has forgotten it meanwhile
                yield self.call(name, *arguments)
            elif isinstance(reply, Exception):
                with translated():
                    raise reply
            else:
                yield reply

    def _script(self, name: str) -> Script:
        script = self._loaded.get(name)
        if script is None:
            with _loading:  # or all threads of a starting worker would read the same files
                script = self._loaded[name] = load_script(name, self._keys)
        return script

    def _time(self) -> str:
        return self.knowledge() if self._now is None else f"{self._now():.6f}"
