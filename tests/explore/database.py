"""Redis' values in memory, with states that can be put back.

A state costs a copy of one dictionary: a value is copied when it is first written after that.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar


class Hash(dict[str, str]):
    """Redis' type `hash`."""


class SortedSet(dict[str, float]):
    """Redis' type `zset`, by member."""

    def ranked(self) -> list[tuple[str, float]]:
        return sorted(self.items(), key=lambda entry: (entry[1], entry[0]))


class Members(set[str]):
    """Redis' type `set`."""


class Entries(list[str]):
    """Redis' type `list`."""


class Stream(list[tuple[int, tuple[str, ...]]]):
    """Redis' type `stream`: ids that count up, and the fields and values of each entry."""


_Kind = TypeVar("_Kind", Hash, SortedSet, Members, Entries, Stream)


class CommandError(Exception):
    """Redis would answer with an error."""


class Snapshot(NamedTuple):
    """The whole of a database; nobody may change what it holds."""

    values: dict[str, Any]
    expires: dict[str, float]


class Database:
    """One database.

    Attributes:
        now: Unix seconds.
        values: by key.
        expires: Unix seconds at which a key does, by key.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.values: dict[str, Any] = {}
        self.expires: dict[str, float] = {}
        self._owned: set[str] = set()

    def snapshot(self) -> Snapshot:
        self._owned = set()
        return Snapshot(dict(self.values), dict(self.expires))

    def restore(self, snapshot: Snapshot, now: float) -> None:
        self.now = now
        self.values, self.expires = dict(snapshot.values), dict(snapshot.expires)
        self._owned = set()
        for key in [key for key, at in self.expires.items() if at <= now]:
            self.delete(key)

    def delete(self, *keys: str) -> int:
        self.expires = {key: at for key, at in self.expires.items() if key not in keys}
        return sum(self.values.pop(key, None) is not None for key in keys)

    def read(self, key: str, kind: type[_Kind]) -> _Kind:
        """The value of a key, which must not be changed."""
        value = self.values.get(key)
        if value is None:
            return kind()
        if type(value) is not kind:
            raise CommandError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    def write(self, key: str, kind: type[_Kind]) -> _Kind:
        """The value of a key, to be changed."""
        value = self.read(key, kind)
        if key not in self._owned:
            value = kind(value)
            self._owned.add(key)
        self.values[key] = value
        return value

    def drop_if_empty(self, key: str) -> None:
        if not self.values[key]:
            self.delete(key)


def cut(entries: list[Any], first: str, last: str) -> list[Any]:
    """From one place to another, as Redis counts them."""
    start, stop = int(first), int(last)
    start = max(0, start + len(entries) if start < 0 else start)
    stop = stop + len(entries) if stop < 0 else stop
    return entries[start : stop + 1]
