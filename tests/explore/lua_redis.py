"""A Redis client that runs the ledger's own Lua, in this process: what a `JobStore` needs of one.

Each script is compiled once. Numbers, nil and tables pass between Lua and Redis as Redis
converts them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from lupa import lua51
from redis.exceptions import NoScriptError, ResponseError

from tests.explore.commands import run
from tests.explore.database import CommandError, Database

if TYPE_CHECKING:
    from collections.abc import Callable

_PRELUDE = """
local call, to_json, from_json, null = ...
KEYS = {}
redis = { call = call }
function redis.pcall(...)
  local is_done, reply = pcall(call, ...)
  if is_done then return reply end
  return { err = tostring(reply) }
end
cjson = { encode = to_json, decode = from_json, null = null }
function run(script, arguments)
  ARGV = arguments
  return script()
end
"""


class LuaRedis:
    """One database and its scripts; passes for a `redis.Redis` with `decode_responses`.

    Args:
        edit: changes a script's source before it is compiled, to break it on purpose.

    Attributes:
        memory: the database.
    """

    def __init__(self, edit: Callable[[str], str] = str) -> None:
        self.memory = Database()
        self._edit = edit
        self._scripts: dict[str, Any] = {}
        self._lua: Any = lua51.LuaRuntime(register_eval=False, register_builtins=False)
        null = object()
        self._null = null
        prelude = self._lua.compile(_PRELUDE)
        prelude(self._call, self._to_json, self._from_json, null)
        self._run = self._lua.globals()["run"]
        self._table = self._lua.table_from

    def evalsha(self, sha1: str, _keys: int, *arguments: str | float) -> Any:
        script = self._scripts.get(sha1)
        if script is None:
            raise NoScriptError
        try:
            reply = self._run(script, self._table([*map(str, arguments)]))
        except (lua51.LuaError, CommandError) as error:
            raise ResponseError(str(error)) from error
        return self._to_reply(reply)

    def eval(self, source: str, keys: int, *arguments: str | float) -> Any:
        sha1 = hashlib.sha1(source.encode()).hexdigest()
        self._scripts[sha1] = self._lua.compile(self._edit(source))
        return self.evalsha(sha1, keys, *arguments)

    def hgetall(self, key: str) -> dict[str, str]:
        found: Any = run(self.memory, "HGETALL", key)
        return dict(zip(found[::2], found[1::2], strict=True))

    def rpop(self, key: str) -> str | None:
        value: str | None = run(self.memory, "RPOP", key)
        return value

    def _call(self, name: str, *arguments: Any) -> Any:
        for each in arguments:
            if type(each) is not str:
                arguments = tuple(map(_argument, arguments))
                break
        reply = run(self.memory, name, *arguments)
        if reply is None:
            return False
        if type(reply) is list:
            return self._table([False if each is None else each for each in reply])
        return reply

    def _to_reply(self, value: Any) -> Any:
        if lua51.lua_type(value) == "table":
            if value["err"] is not None:
                raise ResponseError(value["err"])
            if value["ok"] is not None:
                return value["ok"]
            return [self._to_reply(value[i]) for i in range(1, len(value) + 1)]
        if value is True:
            return 1
        if value is False:
            return None
        return int(value) if isinstance(value, float) else value

    def _to_json(self, value: Any) -> str:
        return json.dumps(self._plain(value), separators=(",", ":"))

    def _plain(self, value: Any) -> Any:
        if value is self._null:
            return None
        if lua51.lua_type(value) != "table":
            return float(f"{value:.14g}") if isinstance(value, float) else value
        if len(value):
            return [self._plain(value[i]) for i in range(1, len(value) + 1)]
        return {str(key): self._plain(each) for key, each in value.items()}

    def _from_json(self, text: str) -> Any:
        return self._lua_value(json.loads(text))

    def _lua_value(self, value: Any) -> Any:
        if value is None:
            return self._null
        if isinstance(value, dict):
            return self._table({key: self._lua_value(each) for key, each in value.items()})
        if isinstance(value, list):
            return self._table([self._lua_value(each) for each in value])
        return value


def _argument(value: Any) -> str:
    """A command's argument as Redis reads it."""
    if type(value) is str:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CommandError("Lua redis lib command arguments must be strings or integers")
    return f"{value:.17g}"
