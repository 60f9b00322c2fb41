"""Strikes jobs from the ledger's index once their records have expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelift.ledger.store import JobStore

_BATCH = 200
_BETWEEN_BATCHES = 1.0
_BETWEEN_ROUNDS = 600.0


class Janitor:
    """Runs in every worker; any number of them share the index safely.

    Args:
        store: the ledger.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._cursor: str | None = None

    def run_once(self) -> float:
        """Look at a part of the index; returns the seconds until the next."""
        self._cursor = self._store.prune(self._cursor, _BATCH)
        return _BETWEEN_BATCHES if self._cursor else _BETWEEN_ROUNDS
