"""Loads the ledger's Lua scripts, rendered for one ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from tasks.broker import envelope

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

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


def load_scripts(redis: Redis, keys: Keys, retention: Retention) -> dict[str, Script]:
    """Every script by name, called by its hash and sent anew when Redis forgot it."""
    ledger = _render(_source("_ledger"), keys, retention)
    return {name: redis.register_script(ledger + _source(name)) for name in NAMES}


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
