"""What a forked child forgets: locks that a thread of its parent held, and such threads."""

import os
from typing import Protocol
from weakref import WeakSet


class Forgetful(Protocol):
    """Has a state that is of no use in a forked child."""

    def forget(self) -> None:
        """Begin anew."""


_all: WeakSet[Forgetful] = WeakSet()


def forget_after_fork(thing: Forgetful) -> None:
    """Have a forked child make `thing` begin anew, as long as it exists."""
    _all.add(thing)


def _forget() -> None:
    for thing in _all:
        thing.forget()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forget)
