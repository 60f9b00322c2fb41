"""Steps that go wrong: workers that die, stand still or stop, and uploads that arrive late."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from facelift.ledger.replies import Lease
from tests.explore import promises
from tests.explore.stage import UNSETTLED, Stage, run_of, spend, with_run
from tests.explore.state import Late, Step

if TYPE_CHECKING:
    from tests.explore.state import Act, Run, State


def kill(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    stage.said = f"Worker {act.worker + 1} is killed at job {run.job}."
    if act.is_lost:  # it stood still, and never goes on
        stage.said = f"Worker {act.worker + 1}, which stood still, is replaced."
    state = replace(state, late=_late(state, run), faults=spend(state, act, "kills"))
    return with_run(state, act, None)


def freeze(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    stage.said = f"Worker {act.worker + 1} stands still at job {run.job}."
    state = replace(state, late=_late(state, run), faults=spend(state, act, "freezes"))
    return with_run(state, act, replace(run, is_frozen=True, stood_still=True))


def hand_back(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    lease = Lease(run.job, run.token)
    stage.said = f"Worker {act.worker + 1} stops, and releases the lease of job {run.job}"
    stage.asking_again(lambda: stage.store.release(lease), is_lost=True)
    promises.check_write(state.redis, stage.memory, run.job, run.token)
    stage.say_job(run.job)
    state = replace(state, late=_late(state, run), faults=spend(state, act, "hand_backs"))
    if run.step is Step.PERMIT:
        return with_run(state, act, None)
    return with_run(state, act, replace(run, is_frozen=True, is_released=True))


def arrive(stage: Stage, state: State, act: Act) -> State:
    late = state.late[int(act.what)]
    stage.said = f"The request of job {late.job} that got no answer arrives."
    pictures = {**state.pictures, stage.target_of(late.job): late.job}
    rest = tuple(each for each in state.late if each is not late)
    return replace(state, pictures=pictures, late=rest)


def _late(state: State, run: Run) -> tuple[Late, ...]:
    """What may still arrive once a worker is gone."""
    if run.step is not Step.ANSWER or run.is_frozen:
        return state.late
    return (*state.late, Late(run.job, run.token, run.began + UNSETTLED))
