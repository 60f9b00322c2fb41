"""Loads the ledger's Lua scripts, rendered for one ledger."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from tasks.broker import envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

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
)

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the record of an ended job is kept, in seconds, by its state."""

    succeeded: int = 7 * _DAY
    failed: int = 30 * _DAY
    superseded: int = 7 * _DAY
    cancelled: int = 7 * _DAY
    expired: int = 30 * _DAY


class Script:
    """A script on one Redis, called by its hash.

    Redis forgets scripts when it restarts, fails over or is told to. It is then
    sent along with the call: between loading and calling, Redis may forget it again.
    """

    def __init__(self, redis: Redis, source: str) -> None:
        self._redis = redis
        self._source = source
        self._sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, arguments: Sequence[str | float]) -> Any:  # noqa: ANN401 - replies differ
        """Run it; returns what it replies."""
        try:
            return self._redis.evalsha(self._sha, 0, *arguments)
        except NoScriptError:
            return self._redis.eval(self._source, 0, *arguments)


def load_scripts(redis: Redis, keys: Keys, retention: Retention) -> dict[str, Script]:
    """Every script by name."""
    ledger = _render(_source("_ledger"), keys, retention)
    return {name: Script(redis, ledger + _source(name)) for name in NAMES}


def _source(name: str) -> str:
    return (resources.files("tasks") / "lua" / f"{name}.lua").read_text("utf-8")


def _render(ledger: str, keys: Keys, retention: Retention) -> str:
    constants = {
        "BASE": _lua_string(keys.base),
        "QUEUE": _lua_string(keys.queue),
        "ENVELOPE": _lua_string(envelope(keys.queue)),
        "SUCCEEDED": str(retention.succeeded),
        "FAILED": str(retention.failed),
        "SUPERSEDED": str(retention.superseded),
        "CANCELLED": str(retention.cancelled),
        "EXPIRED": str(retention.expired),
    }
    # One pass: the envelope has marks of its own, which a script fills in later.
    return re.sub(r"@([A-Z]+)@", lambda mark: constants[mark[1]], ledger)


def _lua_string(text: str) -> str:
    return f"[==[{text}]==]"
