"""Redis' commands on sorted sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.explore.database import SortedSet, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.explore.database import Database


def _score_text(score: float) -> str:
    return f"{score:.17g}"


def _score(text: str) -> float:
    return float(text)


def _bound(text: str) -> tuple[float, bool]:
    """A bound of scores, and whether it is itself left out."""
    is_open = text.startswith("(")
    return float(text[1:] if is_open else text), is_open


def _within(low: str, high: str) -> Callable[[float], bool]:
    (least, above), (most, below) = _bound(low), _bound(high)
    return lambda score: (
        (score > least if above else score >= least) and (score < most if below else score <= most)
    )


def _flat(entries: Iterable[tuple[str, float]], *, scores: bool) -> list[str]:
    if not scores:
        return [member for member, _ in entries]
    return [part for member, score in entries for part in (member, _score_text(score))]


def _limited(entries: list[tuple[str, float]], options: tuple[str, ...]) -> list[str]:
    flags = [option.upper() for option in options]
    if "LIMIT" in flags:
        at = flags.index("LIMIT")
        skip, count = int(options[at + 1]), int(options[at + 2])
        entries = entries[skip:] if count < 0 else entries[skip : skip + count]
    return _flat(entries, scores="WITHSCORES" in flags)


def _zadd(redis: Database, key: str, *arguments: str) -> int:
    first, flags = 0, set[str]()
    while arguments[first].upper() in {"NX", "XX", "LT", "GT", "CH"}:
        flags.add(arguments[first].upper())
        first += 1
    pairs = list(zip(arguments[first::2], arguments[first + 1 :: 2], strict=True))
    known, changes, added = redis.read(key, SortedSet), SortedSet(), 0
    for text, member in pairs:
        score, before = _score(text), changes.get(member, known.get(member))
        if before is None:
            if "XX" not in flags:
                changes[member] = score
                added += 1
        elif (
            "NX" not in flags
            and not ("LT" in flags and score >= before)
            and not ("GT" in flags and score <= before)
        ):
            changes[member] = score
    if changes:
        redis.write(key, SortedSet).update(changes)
    return added


def _zincrby(redis: Database, key: str, by: str, member: str) -> str:
    value = redis.write(key, SortedSet)
    value[member] = value.get(member, 0.0) + float(by)
    return _score_text(value[member])


def _zscore(redis: Database, key: str, member: str) -> str | None:
    score = redis.read(key, SortedSet).get(member)
    return None if score is None else _score_text(score)


def _zrank(redis: Database, key: str, member: str) -> int | None:
    members = [each for each, _ in redis.read(key, SortedSet).ranked()]
    return members.index(member) if member in members else None


def _zrem(redis: Database, key: str, *members: str) -> int:
    found = [member for member in dict.fromkeys(members) if member in redis.read(key, SortedSet)]
    if found:
        value = redis.write(key, SortedSet)
        for member in found:
            del value[member]
        redis.drop_if_empty(key)
    return len(found)


def _zrange(redis: Database, key: str, first: str, last: str, *options: str) -> list[str]:
    found = cut(redis.read(key, SortedSet).ranked(), first, last)
    return _flat(found, scores=bool(options))


def _zrevrange(redis: Database, key: str, first: str, last: str, *options: str) -> list[str]:
    found = cut(redis.read(key, SortedSet).ranked()[::-1], first, last)
    return _flat(found, scores=bool(options))


def _zrangebyscore(redis: Database, key: str, low: str, high: str, *options: str) -> list[str]:
    is_in = _within(low, high)
    return _limited([e for e in redis.read(key, SortedSet).ranked() if is_in(e[1])], options)


def _zrevrangebyscore(redis: Database, key: str, high: str, low: str, *options: str) -> list[str]:
    is_in = _within(low, high)
    return _limited([e for e in redis.read(key, SortedSet).ranked()[::-1] if is_in(e[1])], options)


def _zcount(redis: Database, key: str, low: str, high: str) -> int:
    is_in = _within(low, high)
    return sum(map(is_in, redis.read(key, SortedSet).values()))


def _zremrangebyscore(redis: Database, key: str, low: str, high: str) -> int:
    return _zrem(redis, key, *_zrangebyscore(redis, key, low, high))


def _zpop(redis: Database, key: str, place: int) -> list[str]:
    ranked = redis.read(key, SortedSet).ranked()
    if not ranked:
        return []
    _zrem(redis, key, ranked[place][0])
    return _flat([ranked[place]], scores=True)


SORTED_SET_COMMANDS: dict[str, Callable[..., object]] = {
    "ZADD": _zadd,
    "ZCARD": lambda redis, key: len(redis.read(key, SortedSet)),
    "ZCOUNT": _zcount,
    "ZINCRBY": _zincrby,
    "ZPOPMAX": lambda redis, key: _zpop(redis, key, -1),
    "ZPOPMIN": lambda redis, key: _zpop(redis, key, 0),
    "ZRANDMEMBER": lambda redis, key, count="1": _zrange(redis, key, "0", str(int(count) - 1)),
    "ZRANGE": _zrange,
    "ZRANGEBYSCORE": _zrangebyscore,
    "ZRANK": _zrank,
    "ZREM": _zrem,
    "ZREMRANGEBYSCORE": _zremrangebyscore,
    "ZREVRANGE": _zrevrange,
    "ZREVRANGEBYSCORE": _zrevrangebyscore,
    "ZSCORE": _zscore,
}
