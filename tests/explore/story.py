"""A counterexample as a story: numbered sentences, and what is wrong in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.explore.lua_redis import LuaRedis
from tests.explore.promises import Broken
from tests.explore.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore.scope import Scope
    from tests.explore.search import Finding


def tell(scope: Scope, finding: Finding, edit: Callable[[str], str] = str) -> str:
    """Play the steps once more, a sentence for each."""
    world = World(scope, LuaRedis(edit))
    state, sentences = world.start(), []
    for act in finding.path:
        try:
            state = world.step(state, act)
        except Broken:
            sentences.append(world.said)
            break
        sentences.append(world.said)
    sentences += finding.sentences
    numbered = [f"{number:3}. {each}" for number, each in enumerate(sentences, 1)]
    broken = finding.broken
    return "\n".join([*numbered, "", f"Broken: {broken.promise}", f"        {broken.sentence}"])
