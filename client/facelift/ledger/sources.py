"""Puts together the ledger's Lua scripts: each behind what it shares with others.

Redis carries out a script from its first line at each call. There a function costs about a
thousand instructions to define, and each variable that it refers to costs the more, the more
variables any of them refers to. So a script defines no function that it cannot come to, and no
function refers to a constant.
"""

from __future__ import annotations

import re
from dataclasses import asdict, astuple, dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from facelift.ledger.message import envelope
from facelift.record import SCHEMA_VERSION

if TYPE_CHECKING:
    from facelift.ledger.keys import Keys

NAMES = (
    "enqueue",
    "refuse",
    "acquire",
    "renew",
    "acquire_permit",
    "complete",
    "retry_later",
    "release",
    "cancel",
    "run_schedule",
    "explain",
    "record_image",
    "register",
    "report_failure",
    "pause",
    "resume",
    "snapshot",
    "heartbeat",
    "find",
    "prune",
    "acquire_webhooks",
    "retry_webhook",
    "complete_webhook",
)
# In this order: what is declared is used further down.
_SHARED = ("_ledger", "_batch", "_track", "_pool", "_turns", "_moves", "_answers")

# Words, and what may look as if it held some. A field is not the variable of the same name.
_TOKEN = re.compile(r"@[A-Z]+@|'[^'\n]*'|\s*--[^\n]*|[.:]?[A-Za-z_]\w*")
_CONSTANT = re.compile(
    r"^local ([A-Z_]+) = ('[^'\n]*'|@[A-Z]+@|[\d.e]+) *(?:--.*)?\n", re.MULTILINE
)
_STATEMENT = re.compile(r"^(?=[a-z])(?!end\b|else)", re.MULTILINE)
_DECLARATION = re.compile(r"local (?:function )?(\w+)")

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the record of an ended job is kept, in seconds, by its state."""

    succeeded: int = 7 * _DAY
    failed: int = 30 * _DAY
    superseded: int = 7 * _DAY
    cancelled: int = 7 * _DAY
    expired: int = 30 * _DAY


def sources(keys: Keys, retention: Retention) -> dict[str, str]:
    """Each script by its name, as Redis is told it."""
    marks = {
        "BASE": keys.base,
        "QUEUE": _lua_string(keys.queue),
        "ENVELOPE": _lua_string(envelope(keys.queue)),
        "SCHEMA": _lua_string(str(SCHEMA_VERSION)),
        "LONGEST": str(max(astuple(retention))),
        **{state.upper(): str(kept) for state, kept in asdict(retention).items()},
    }
    # One pass: the envelope has marks of its own, which a script fills in later.
    return {
        name: re.sub(r"@([A-Z]+)@", lambda mark: marks[mark[1]], source)
        for name, source in _assembled().items()
    }


@cache
def _assembled() -> dict[str, str]:
    """Each script behind those of the shared declarations that it needs, still with marks."""
    written = "".join(map(_source, _SHARED))
    constants = dict(_CONSTANT.findall(written))
    shared = _replaced(_CONSTANT.sub("", written), constants)
    statements = [(each, set(_TOKEN.findall(each))) for each in _STATEMENT.split(shared)]
    assembled = {}
    for name in NAMES:
        source = _replaced(_source(name), constants)
        parts, needed = [source], set(_TOKEN.findall(source))
        for statement, tokens in reversed(statements):
            declaration = _DECLARATION.match(statement)
            if declaration is None or declaration[1] in needed:
                parts.append(statement)
                needed |= tokens
        assembled[name] = "".join(reversed(parts))
    return assembled


def _source(name: str) -> str:
    return (resources.files("facelift.ledger") / "lua" / f"{name}.lua").read_text("utf-8")


def _replaced(source: str, constants: dict[str, str]) -> str:
    """A source without its comments, and with the values of constants for their names."""

    def instead(token: re.Match[str]) -> str:
        return "" if token[0].lstrip().startswith("--") else constants.get(token[0], token[0])

    return _TOKEN.sub(instead, source)


def _lua_string(text: str) -> str:
    return f"[==[{text}]==]"
