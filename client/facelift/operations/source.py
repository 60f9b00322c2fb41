"""Which ledger a client works on: its own, or the one that replaces it in tests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.ledger.store import JobStore

_overrides: list[JobStore] = []


class LedgerSource:
    """Gives the parts of a client their ledger, anew for each call.

    Attributes:
        own: the client's ledger.
        is_fixed: whether no override replaces it.
    """

    def __init__(self, own: JobStore, is_fixed: bool) -> None:  # noqa: FBT001 - two parts of one value
        self.own = own
        self.is_fixed = is_fixed

    @property
    def ledger(self) -> JobStore:
        """The ledger to work on now."""
        return self.own if self.is_fixed or not _overrides else _overrides[-1]


@contextmanager
def override_ledger(ledger: JobStore) -> Iterator[None]:
    """Inside the block, have all clients of this process work on `ledger`.

    Clients that were made before the block too: services keep one in a module. A client that
    was made with `ledger=` keeps that one. Blocks nest; the innermost counts.
    """
    _overrides.append(ledger)
    try:
        yield
    finally:
        _overrides.remove(ledger)
