"""The explored world: takes a state one step further, on the real scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.units import Rate
from tests.explore import faults, passing, people, promises, workers
from tests.explore.stage import START, UNSETTLED, Stage
from tests.explore.state import Act, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore.lua_redis import LuaRedis
    from tests.explore.scope import Scope

_STEPS: dict[str, Callable[[Stage, State, Act], State]] = {
    "acquire": workers.acquire,
    "acquire_permit": workers.acquire_permit,
    "answer": workers.answer,
    "arrive": faults.arrive,
    "cancel": people.cancel,
    "duplicate": workers.duplicate,
    "enqueue": people.enqueue,
    "freeze": faults.freeze,
    "hand_back": faults.hand_back,
    "kill": faults.kill,
    "lose_message": passing.lose_message,
    "pass_time": passing.pass_time,
    "record": workers.record,
    "replay": people.replay,
    "report_failure": workers.report_failure,
    "schedule": passing.run_schedule,
    "take": workers.take,
}


class World:
    """Takes a state one step further.

    Args:
        scope: what may happen.
        redis: an empty one; scripts that are broken on purpose come with it.
    """

    def __init__(self, scope: Scope, redis: LuaRedis) -> None:
        self.scope = scope
        self._stage = Stage(scope, redis)

    @property
    def said(self) -> str:
        """What the last step was, in a sentence."""
        return self._stage.sentence

    def start(self) -> State:
        """An empty ledger in which workers have registered."""
        stage, rate = self._stage, self.scope.rate
        account = Registration("default", Rate(rate, 10) if rate else None, "key-1")
        stage.memory.now = START
        stage.store.pool.register(BreakerPolicy(), [account], unsettled_for=UNSETTLED)
        nobody = (None,) * self.scope.workers
        return State(stage.memory.snapshot(), START, nobody, self.scope.faults, 0, 0, (), {})

    def step(self, state: State, act: Act) -> State:
        """The state after a step.

        Raises:
            Broken: a promise is.
        """
        stage = self._stage
        stage.said = ""
        stage.memory.restore(state.redis, state.now)
        after = _STEPS[act.kind](stage, state, act)
        promises.check_step(state.redis, stage.memory)
        return replace(after, redis=stage.memory.snapshot(), now=stage.memory.now)

    def check_end(self, state: State) -> None:
        """All is over; raises `Broken` if it does not look like that."""
        memory, may_expire = self._stage.memory, self.scope.may_expire
        memory.restore(state.redis, state.now)
        promises.check_end(memory, dict(state.pictures), may_expire=may_expire)
