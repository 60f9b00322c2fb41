"""Which steps a state has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from tests.explore.passing import ALMOST, is_due, is_slow, messages, next_moment
from tests.explore.promises import is_ended, records
from tests.explore.state import Act, Run, State, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.explore.scope import Scope


def acts(scope: Scope, state: State) -> Iterator[Act]:
    """Every step that can come next."""
    yield from _of_people(scope, state)
    if is_due(state):
        yield Act("schedule")
    moment = next_moment(state)
    if moment is not None and (state.faults.slow or not is_slow(state)):
        yield Act("pass_time")
        if _expires_at(state, moment):
            yield Act("pass_time", what="almost")
    for index in range(len(state.late)):
        yield Act("arrive", what=str(index))
    if messages(state) and state.faults.lost_messages:
        yield Act("lose_message")
    has_idle = False
    for worker, run in enumerate(state.runs):
        if run:
            yield from _of_worker(state, worker, run)
        elif not has_idle:  # one idle worker is as good as another
            has_idle = True
            yield from _of_idle(state, worker)


def _expires_at(state: State, moment: float) -> bool:
    """Whether the next moment, which is more than an instant away, is a job's deadline."""
    if moment - state.now <= ALMOST:
        return False
    pending = [each for each in records(state.redis.values).values() if not is_ended(each)]
    return any(float(each["expires_at"]) == moment for each in pending)


def _of_people(scope: Scope, state: State) -> Iterator[Act]:
    if state.enqueued < len(scope.jobs):
        yield Act("enqueue", what=str(state.enqueued))
        if state.faults.lost_replies:
            yield Act("enqueue", what=str(state.enqueued), is_lost=True)
    if not state.faults.cancels and not state.faults.replays:
        return
    known = records(state.redis.values)
    for job, record in known.items():
        if "repeats" in record:
            continue
        if state.faults.cancels and not is_ended(record) and "cancel_requested" not in record:
            yield Act("cancel", what=job)
        if state.faults.replays and is_ended(record) and f"{job}-again" not in known:
            yield Act("replay", what=job)


def _of_idle(state: State, worker: int) -> Iterator[Act]:
    if messages(state):
        yield Act("take", worker)
        if state.faults.lost_replies:
            yield Act("take", worker, is_lost=True)
    if state.faults.duplicates:
        for job in records(state.redis.values):
            yield Act("duplicate", worker, job)


def _of_worker(state: State, worker: int, run: Run) -> Iterator[Act]:
    faults = state.faults
    if run.step is Step.ANSWER:
        yield from _answers(state, worker, run)
    else:
        yield Act(run.step, worker)
        if faults.lost_replies and not run.is_released:
            yield Act(run.step, worker, is_lost=True)
    if faults.kills or run.is_frozen:
        yield Act("kill", worker, is_lost=run.is_frozen)
    if run.is_frozen:
        return
    if faults.freezes:
        yield Act("freeze", worker)
    if faults.hand_backs and run.step is not Step.ACQUIRE:
        yield Act("hand_back", worker)


def _answers(state: State, worker: int, run: Run) -> Iterator[Act]:
    faults = state.faults
    if run.is_frozen:
        # It finds an answer if the request arrived, or arrives now; or none.
        is_open = any(each.token == run.token for each in state.late)
        if is_open or run.job in state.pictures.values():
            yield Act("answer", worker, OutcomeCode.DELIVERED)
        yield Act("answer", worker, OutcomeCode.TIMEOUT)
        return
    yield Act("answer", worker, OutcomeCode.DELIVERED)
    if faults.not_found:
        yield Act("answer", worker, OutcomeCode.CHATBOT_NOT_FOUND)
    if faults.failed:
        yield Act("answer", worker, OutcomeCode.SERVER_ERROR)
    if faults.unanswered:
        yield Act("answer", worker, OutcomeCode.TIMEOUT)
