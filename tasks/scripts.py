"""Loads the ledger's Lua scripts, rendered for one ledger."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from tasks.broker import envelope
from tasks.connection import translated
from tasks.record import FORM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redis import Redis

    from tasks.keys import Keys

NAMES = (
    "enqueue",
    "refuse",
    "claim",
    "extend",
    "admit",
    "finish",
    "postpone",
    "hand_back",
    "cancel",
    "take_due",
    "look",
    "note_image",
    "register",
    "report",
    "pause",
    "resume",
    "survey",
    "beat",
    "find",
    "sweep",
    "take_callbacks",
    "postpone_callback",
    "end_callback",
)
# In this order: what is defined is used further down.
_SHARED = ("_ledger", "_batch", "_track", "_pool", "_turns", "_moves", "_answers")

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the record of an ended job is kept, in seconds, by its state."""

    succeeded: int = 7 * _DAY
    failed: int = 30 * _DAY
    superseded: int = 7 * _DAY
    cancelled: int = 7 * _DAY
    expired: int = 30 * _DAY


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
        shared = _render("".join(map(_source, _SHARED)), keys, retention)
        self._sources = {name: shared + _source(name) for name in NAMES}
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


def _source(name: str) -> str:
    return (resources.files("tasks") / "lua" / f"{name}.lua").read_text("utf-8")


def _render(shared: str, keys: Keys, retention: Retention) -> str:
    constants = {
        "BASE": _lua_string(keys.base),
        "QUEUE": _lua_string(keys.queue),
        "ENVELOPE": _lua_string(envelope(keys.queue)),
        "FORM": _lua_string(str(FORM)),
        "SUCCEEDED": str(retention.succeeded),
        "FAILED": str(retention.failed),
        "SUPERSEDED": str(retention.superseded),
        "CANCELLED": str(retention.cancelled),
        "EXPIRED": str(retention.expired),
    }
    # One pass: the envelope has marks of its own, which a script fills in later.
    return re.sub(r"@([A-Z]+)@", lambda mark: constants[mark[1]], shared)


def _lua_string(text: str) -> str:
    return f"[==[{text}]==]"
