"""Breadth-first search through all states of a scope: the first counterexample is a shortest."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.explore.acts import acts
from tests.explore.digest import digest
from tests.explore.healing import Healing, healing_act
from tests.explore.lua_redis import LuaRedis
from tests.explore.promises import Broken
from tests.explore.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore.scope import Scope
    from tests.explore.state import Act, State

_FOLLOWED = 100  # of so many states, the healing of one is followed at once


@dataclass
class Finding:
    """A promise that is broken.

    Attributes:
        path: steps that lead there, the breaking one included.
        broken: what is broken.
        sentences: of the healing that does not end well, if it is one.
    """

    path: list[Act]
    broken: Broken
    sentences: list[str] = field(default_factory=list)


@dataclass
class Explored:
    """What a search has seen.

    Attributes:
        scope: where.
        states: distinct ones.
        steps: taken, those of healing apart.
        healing: steps of healing.
        depth: up to which all states are known.
        seconds: that it took.
        open: states of which it is not certain that all ends well, since it goes on beyond.
        is_closed: whether there is no further state.
        finding: the first.
    """

    scope: Scope
    states: int = 0
    steps: int = 0
    healing: int = 0
    depth: int = 0
    seconds: float = 0.0
    open: int = 0
    is_closed: bool = False
    finding: Finding | None = None

    def __str__(self) -> str:
        end = "closed" if self.is_closed else f"not closed, {self.open:,} open ends"
        return (
            f"{self.scope.name}: {self.states:,} states, {self.steps:,} steps,"
            f" {self.healing:,} of healing, depth {self.depth}, {self.seconds:.1f} s"
            f" ({self.states / max(self.seconds, 0.001):,.0f} states/s), {end}"
        )


def explore(
    scope: Scope,
    *,
    edit: Callable[[str], str] = str,
    depth: int | None = None,
    seconds: float | None = None,
    watch: Callable[[Explored], object] = lambda _: None,
) -> Explored:
    """Explore a scope.

    Args:
        scope: where.
        edit: changes the scripts' sources.
        depth: steps from the start at most.
        seconds: after which it ends.
        watch: called every thousand states.

    Returns:
        What was seen, up to the first broken promise.
    """
    search, began, watched = _Search(scope, edit), time.monotonic(), 0
    seen, is_in_time = search.seen, True
    with suppress(KeyboardInterrupt):  # then it ends as if its time were over
        while search.frontier and not seen.finding and is_in_time:
            state, number, seen.depth = search.frontier.popleft()
            if depth is None or seen.depth < depth:
                search.expand(state, number, seen.depth)
            else:
                search.follow(state, number)
            seen.seconds = time.monotonic() - began
            is_in_time = seconds is None or seen.seconds < seconds
            if seen.states >= watched + 1000:
                watched = seen.states
                watch(seen)
    seen.is_closed = not search.frontier and (depth is None or seen.depth < depth)
    if not seen.finding:
        search.judge()
    seen.seconds = time.monotonic() - began
    return seen


class _Search:
    """The states that are known, and those whose steps are not."""

    def __init__(self, scope: Scope, edit: Callable[[str], str]) -> None:
        self.seen = Explored(scope, states=1)
        self._world = World(scope, LuaRedis(edit))
        self._healing = Healing(self._world)
        first = self._world.start()
        self._parents: dict[int, tuple[int, Act] | None] = {digest(first): None}
        self.frontier = deque([(first, digest(first), 0)])

    def expand(self, state: State, number: int, depth: int) -> None:
        """Take every step that a state has; from some follow the healing at once."""
        if self.seen.states % _FOLLOWED == 0:
            self.follow(state, number)
        try:
            healing = healing_act(state)
            if healing is None:
                self._healing.note_end(state, number)
            for act in acts(self.seen.scope, state):
                reached = self._take(state, number, act, depth)
                if act == healing:
                    self._healing.note(number, reached)
        except Broken as broken:
            self._find(number, broken)

    def follow(self, state: State, number: int) -> None:
        """See that all ends well from here."""
        try:
            self._healing.follow(state)
        except Broken as broken:
            self._find(number, broken)
        self.seen.healing = self._healing.steps

    def judge(self) -> None:
        """See that all ends well from every state; beyond the last ones, from one in a hundred."""
        for state, number, _ in [*self.frontier][::_FOLLOWED]:
            self.follow(state, number)
        for number in self._healing.lead_nowhere(self._parents):
            if not self.seen.is_closed:
                self.seen.open += 1
            elif not self.seen.finding:
                state = self._world.start()
                for act in self._path(number):
                    state = self._world.step(state, act)
                self.follow(state, number)

    def _take(self, state: State, number: int, act: Act, depth: int) -> int:
        """One step; returns the number of the state that it leads to."""
        self.seen.steps += 1
        try:
            after = self._world.step(state, act)
        except Broken as broken:
            broken.act = act
            raise
        reached = digest(after)
        if reached not in self._parents:
            self._parents[reached] = number, act
            self.frontier.append((after, reached, depth + 1))
            self.seen.states += 1
        return reached

    def _find(self, number: int, broken: Broken) -> None:
        """Note what is broken, unless something was before."""
        if not self.seen.finding:
            notes = getattr(broken, "__notes__", [])
            last = [broken.act] if broken.act else []
            self.seen.finding = Finding(
                [*self._path(number), *last], broken, "\n".join(notes).splitlines()
            )

    def _path(self, number: int) -> list[Act]:
        """The steps to a state."""
        found = []
        while (parent := self._parents[number]) is not None:
            number, act = parent
            found.append(act)
        return found[::-1]
