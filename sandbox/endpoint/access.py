"""The API keys that the stand-in knows, and which of them it accepts at the moment."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class KeyRing:
    """Keys are numbered from 0, in the order in which they became known.

    Args:
        keys: those that are accepted at first.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {}
        self._accepted: set[str] = set()
        for key in keys:
            self.accept(key)

    def accept(self, key: str) -> None:
        """Accept `key` from now on."""
        self._numbers.setdefault(key, len(self._numbers))
        self._accepted.add(key)

    def revoke(self, key: str) -> None:
        """Answer 401 to `key` from now on."""
        self._accepted.discard(key)

    def accepts(self, key: str) -> bool:
        """Whether a request with `key` is let in."""
        return key in self._accepted

    def number(self, key: str) -> int | None:
        """The number of `key`; None if it was never accepted."""
        return self._numbers.get(key)

    def known(self) -> list[dict[str, Any]]:
        """All of them by their numbers, without the keys themselves, ready for JSON."""
        return [{"key": key_label(key), "accepted": self.accepts(key)} for key in self._numbers]


def key_label(key: str) -> str:
    """What is shown in place of a key: the first characters of its SHA-256."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:8]
