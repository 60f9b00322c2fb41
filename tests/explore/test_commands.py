"""The Redis in memory does what a real server does: command by command, and script by script."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest

from facelift.ledger.keys import Keys
from tests.explore.acts import acts
from tests.explore.commands import run
from tests.explore.database import CommandError, Database, Stream
from tests.explore.lua_redis import LuaRedis
from tests.explore.scope import SCOPES
from tests.explore.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

MEMBERS = ["a", "b", "c", "dd", "t1:1"]
SCORES = ["0", "1", "1.5", "-2", "1764000000.125", "3000000000000000", "-inf", "+inf"]
BOUNDS = [*SCORES, "(1", "(1.5"]
PLACES = ["0", "1", "2", "-1", "-2", "5"]


@pytest.fixture
def decode_responses() -> bool:
    return True


def commands(rng: random.Random) -> Iterator[tuple[str, ...]]:
    """One of each command that the scripts call, with random arguments."""

    def some(texts: list[str], count: int = 2) -> list[str]:
        return [rng.choice(texts) for _ in range(rng.randint(1, count))]

    def pairs(first: list[str], second: list[str]) -> list[str]:
        return [part for one in some(first) for part in (one, rng.choice(second))]

    pick = rng.choice
    yield "HSET", "hash", *pairs(MEMBERS, MEMBERS)
    yield "HSETNX", "hash", pick(MEMBERS), pick(MEMBERS)
    yield "HDEL", "hash", *some(MEMBERS)
    yield "HINCRBY", "counts", pick(MEMBERS), pick(["1", "-1", "5"])
    yield from (("HGETALL", "hash"), ("HKEYS", "hash"), ("HVALS", "hash"))
    yield "HMGET", "hash", *some(MEMBERS, 3)
    yield from ((name, "hash", pick(MEMBERS)) for name in ("HGET", "HEXISTS"))
    yield "LPUSH", "list", *some(MEMBERS, 3)
    yield from (("LINDEX", "list", pick(PLACES)), ("LLEN", "list"))
    yield "LRANGE", "list", pick(PLACES), pick(PLACES)
    yield "LTRIM", "list", pick(["0", "1"]), pick(["2", "3", "-1"])
    yield "RPOP", "list"
    yield "SADD", "set", *some(MEMBERS)
    yield "SREM", "set", *some(MEMBERS)
    yield from (("SCARD", "set"), ("SMEMBERS", "set"), ("SISMEMBER", "set", pick(MEMBERS)))
    flags = pick([[], ["NX"], ["XX"], ["XX", "LT"], ["GT"]])
    yield "ZADD", "zset", *flags, *pairs(SCORES, MEMBERS)
    for score in ("1.5", "1", "2"):
        yield "ZADD", "zset", "XX", "LT", score, pick(MEMBERS)
        yield "ZRANGE", "zset", "0", "-1", "WITHSCORES"
    yield "ZADD", "zset", *pairs(SCORES, MEMBERS)
    yield "ZINCRBY", "sums", "1", pick(MEMBERS)
    yield "ZREM", "zset", *some(MEMBERS)
    yield from ((name, "zset", pick(MEMBERS)) for name in ("ZSCORE", "ZRANK"))
    yield from ((name, "zset", pick(PLACES), pick(PLACES)) for name in ("ZRANGE", "ZREVRANGE"))
    yield "ZRANGE", "zset", "0", "-1", "WITHSCORES"
    low, high = pick(BOUNDS), pick(BOUNDS)
    yield from (("ZCOUNT", "zset", low, high), ("ZRANGEBYSCORE", "zset", low, high))
    yield "ZREVRANGEBYSCORE", "zset", high, low, "WITHSCORES", "LIMIT", "0", "2"
    yield "ZRANGEBYSCORE", "zset", low, high, "LIMIT", "1", "1"
    if rng.random() < 0.3:
        yield "ZREMRANGEBYSCORE", "zset", low, high
    yield from (("ZCARD", "zset"), (pick(["ZPOPMIN", "ZPOPMAX"]), "zset"))
    yield "ZADD", "zset", *pairs(SCORES, MEMBERS)
    yield from (("SET", "text", pick(MEMBERS)), ("SET", "text", "b", "NX"), ("GET", "text"))
    yield from (("INCR", "number"), ("EXISTS", *some(["text", "hash", "none"], 3)))
    yield from (("EXPIRE", "text", "60"), ("TTL", "text"), ("PERSIST", "text"), ("TTL", "text"))
    yield from (("XADD", "stream", "*", "job", pick(MEMBERS)), ("XLEN", "stream"))
    yield pick(["HGET", "ZSCORE", "SISMEMBER"]), pick(["text", "list", "hash"]), "a"
    yield "DEL", *some(["text", "list", "none", "hash"])


def ask(redis: Any, command: tuple[str, ...]) -> Any:
    """The reply as a script would get it: scores are text."""
    quoted = redis.register_script(
        "local reply = redis.pcall(unpack(ARGV)) "
        "if type(reply) == 'table' and reply.err then return 'error' end "
        "if type(reply) == 'table' and reply.ok then return reply.ok end return reply"
    )
    return quoted(args=command)


def ask_memory(memory: Database, command: tuple[str, ...]) -> Any:
    try:
        return run(memory, *command)
    except CommandError:
        return "error"


def plain(reply: Any) -> Any:
    """Numbers apart from how they are written; servers differ in that."""
    if isinstance(reply, list):
        return [plain(each) for each in reply]
    try:
        return float(reply)
    except (TypeError, ValueError):
        return reply


@pytest.mark.parametrize("seed", range(4))
def test_commands_reply_as_a_real_server_does(real_redis: Redis, seed: int) -> None:
    rng, memory = random.Random(seed), Database()
    for _ in range(25):
        for command in commands(rng):
            expected, got = ask(real_redis, command), ask_memory(memory, command)
            if command[0] == "SMEMBERS":
                expected, got = sorted(expected), sorted(got)
            if command[0] == "XADD":
                continue
            assert plain(got) == plain(expected), command


class RecordingRedis(LuaRedis):
    """Keeps what was called, and the replies."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...], Any]] = []
        self._sources: dict[str, str] = {}

    def evalsha(self, sha1: str, keys: int, *arguments: str | float) -> Any:
        reply = super().evalsha(sha1, keys, *arguments)
        self.calls.append(("eval", (self._sources[sha1], keys, *arguments), reply))
        return reply

    def eval(self, source: str, keys: int, *arguments: str | float) -> Any:
        self._sources[hashlib.sha1(source.encode()).hexdigest()] = source
        return super().eval(source, keys, *arguments)

    def rpop(self, key: str) -> str | None:
        reply = super().rpop(key)
        self.calls.append(("rpop", (key,), reply))
        return reply


def contents(redis: Any) -> dict[str, Any]:
    """All keys of a server, as the one in memory has them."""
    reads: dict[str, Any] = {
        "string": redis.get,
        "hash": redis.hgetall,
        "set": redis.smembers,
        "zset": lambda key: dict(redis.zrange(key, 0, -1, withscores=True)),
        "list": lambda key: redis.lrange(key, 0, -1),
        "stream": lambda key: [fields for _, fields in redis.xrange(key)],
    }
    return without_entries({key: reads[redis.type(key)](key) for key in [*redis.keys()]})


def without_entries(values: dict[str, Any]) -> dict[str, Any]:
    """Without the entries in the index of jobs by chatbot, whose names the server chooses."""
    index = Keys().chatbot_jobs("")
    return {
        key: sorted(value.values()) if key.startswith(index) else value
        for key, value in values.items()
    }


def parts(reply: Any) -> list[str]:
    """What a reply consists of; the order of a hash's fields is the server's choice."""
    if isinstance(reply, list):
        return sorted(part for each in reply for part in parts(each))
    return [str(reply)]


@pytest.mark.parametrize("seed", range(3))
def test_scripts_do_in_memory_what_they_do_on_a_real_server(real_redis: Redis, seed: int) -> None:
    rng, redis = random.Random(seed), RecordingRedis()
    world = World(SCOPES["full"], redis)
    state = world.start()
    for _ in range(150):
        found = list(acts(world.scope, state))
        if not found:
            break
        state = world.step(state, rng.choice(found))
    assert len(redis.calls) > 30
    for name, arguments, reply in redis.calls:
        assert parts(getattr(real_redis, name)(*arguments)) == parts(reply)
    expected = {
        key: [dict(zip(each[::2], each[1::2], strict=True)) for _, each in value]
        if isinstance(value, Stream)
        else value
        for key, value in state.redis.values.items()
    }
    assert contents(real_redis) == without_entries(expected)
