"""Redis' commands in memory: those that the ledger's scripts call.

`test_commands.py` compares them with a real server. Where Redis chooses at random (ZRANDMEMBER)
these take the first, and sets are sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.explore.database import CommandError, Entries, Hash, Members, Stream, cut
from tests.explore.sorted_sets import SORTED_SET_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore.database import Database


def run(database: Database, name: str, *arguments: str) -> Any:
    """Run a command.

    Raises:
        CommandError: Redis would reply with an error.
    """
    command = _COMMANDS.get(name)
    if command is None:
        raise CommandError(f"Redis in memory has no command {name}; add it in {__name__}.")
    return command(database, *arguments)


def _get(redis: Database, key: str) -> str | None:
    value = redis.values.get(key)
    if value is not None and not isinstance(value, str):
        raise CommandError("WRONGTYPE Operation against a key holding the wrong kind of value")
    return value


def _set(redis: Database, key: str, value: str, *options: str) -> str | None:
    if "NX" in options and key in redis.values:
        return None
    redis.delete(key)
    redis.values[key] = value
    if "EX" in options:
        redis.expires[key] = redis.now + int(options[options.index("EX") + 1])
    return "OK"


def _expire(redis: Database, key: str, seconds: str) -> int:
    if key not in redis.values:
        return 0
    redis.expires[key] = redis.now + int(seconds)
    return 1


def _persist(redis: Database, key: str) -> int:
    return int(redis.expires.pop(key, None) is not None)


def _ttl(redis: Database, key: str) -> int:
    if key not in redis.values:
        return -2
    return round(redis.expires[key] - redis.now) if key in redis.expires else -1


def _hset(redis: Database, key: str, *fields: str) -> int:
    if not fields or len(fields) % 2:
        raise CommandError("ERR wrong number of arguments for 'hset' command")
    value = redis.write(key, Hash)
    before = len(value)
    value.update(zip(fields[::2], fields[1::2], strict=True))
    return len(value) - before


def _hsetnx(redis: Database, key: str, field: str, value: str) -> int:
    return 0 if field in redis.read(key, Hash) else _hset(redis, key, field, value)


def _hdel(redis: Database, key: str, *fields: str) -> int:
    found = [field for field in dict.fromkeys(fields) if field in redis.read(key, Hash)]
    if found:
        value = redis.write(key, Hash)
        for field in found:
            del value[field]
        redis.drop_if_empty(key)
    return len(found)


def _hincrby(redis: Database, key: str, field: str, by: str) -> int:
    number = int(redis.read(key, Hash).get(field, "0")) + int(by)
    redis.write(key, Hash)[field] = str(number)
    return number


def _hgetall(redis: Database, key: str) -> list[str]:
    return [part for entry in redis.read(key, Hash).items() for part in entry]


def _incr(redis: Database, key: str) -> int:
    number = int(_get(redis, key) or 0) + 1
    redis.values[key] = str(number)
    return number


def _lpush(redis: Database, key: str, *values: str) -> int:
    entries = redis.write(key, Entries)
    for value in values:
        entries.insert(0, value)
    return len(entries)


def _rpop(redis: Database, key: str) -> str | None:
    if not redis.read(key, Entries):
        return None
    value = redis.write(key, Entries).pop()
    redis.drop_if_empty(key)
    return value


def _lindex(redis: Database, key: str, index: str) -> str | None:
    found = cut(redis.read(key, Entries), index, index)
    return found[0] if found else None


def _ltrim(redis: Database, key: str, first: str, last: str) -> str:
    kept = cut(redis.read(key, Entries), first, last)
    if key in redis.values:
        redis.write(key, Entries)[:] = kept
        redis.drop_if_empty(key)
    return "OK"


def _sadd(redis: Database, key: str, *members: str) -> int:
    value = redis.write(key, Members)
    before = len(value)
    value.update(members)
    return len(value) - before


def _srem(redis: Database, key: str, *members: str) -> int:
    found = redis.read(key, Members) & set(members)
    if found:
        redis.write(key, Members).difference_update(found)
        redis.drop_if_empty(key)
    return len(found)


def _xadd(redis: Database, key: str, *arguments: str) -> str:
    fields = arguments[arguments.index("*") + 1 :]
    stream = redis.write(key, Stream)
    stream.append((stream[-1][0] + 1 if stream else 1, fields))
    return f"{stream[-1][0]}-0"


def _time(redis: Database) -> list[str]:
    micros = round(redis.now * 1_000_000)
    return [str(micros // 1_000_000), str(micros % 1_000_000)]


_COMMANDS: dict[str, Callable[..., object]] = {
    "DEL": lambda redis, *keys: redis.delete(*keys),
    "EXISTS": lambda redis, *keys: sum(key in redis.values for key in keys),
    "EXPIRE": _expire,
    "GET": _get,
    "HDEL": _hdel,
    "HEXISTS": lambda redis, key, field: int(field in redis.read(key, Hash)),
    "HGET": lambda redis, key, field: redis.read(key, Hash).get(field),
    "HGETALL": _hgetall,
    "HINCRBY": _hincrby,
    "HKEYS": lambda redis, key: list(redis.read(key, Hash)),
    "HMGET": lambda redis, key, *fields: [redis.read(key, Hash).get(each) for each in fields],
    "HSET": _hset,
    "HSETNX": _hsetnx,
    "HVALS": lambda redis, key: list(redis.read(key, Hash).values()),
    "INCR": _incr,
    "LINDEX": _lindex,
    "LLEN": lambda redis, key: len(redis.read(key, Entries)),
    "LPUSH": _lpush,
    "LRANGE": lambda redis, key, first, last: cut(redis.read(key, Entries), first, last),
    "LTRIM": _ltrim,
    "PERSIST": _persist,
    "PUBLISH": lambda _redis, _channel, _message: 0,
    "RPOP": _rpop,
    "SADD": _sadd,
    "SCARD": lambda redis, key: len(redis.read(key, Members)),
    "SET": _set,
    "SISMEMBER": lambda redis, key, member: int(member in redis.read(key, Members)),
    "SMEMBERS": lambda redis, key: sorted(redis.read(key, Members)),
    "SREM": _srem,
    "TIME": _time,
    "TTL": _ttl,
    "XADD": _xadd,
    "XLEN": lambda redis, key: len(redis.read(key, Stream)),
    **SORTED_SET_COMMANDS,
}
