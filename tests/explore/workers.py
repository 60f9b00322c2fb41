"""Steps of the workers: one script each, as the real worker calls them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from facelift.codes import OutcomeCode
from facelift.ledger.replies import Acquired, Lease, Permit
from tests.explore import promises
from tests.explore.promises import ONE_OWNER, Broken
from tests.explore.results import STATUS, record_result
from tests.explore.stage import (
    LEASE,
    REQUEST,
    UNSETTLED,
    Stage,
    run_of,
    spend,
    told,
    with_run,
)
from tests.explore.state import Act, Late, Run, State, Step

_COUNTED_AS = {
    OutcomeCode.CHATBOT_NOT_FOUND: "not_found",
    OutcomeCode.SERVER_ERROR: "failed",
    OutcomeCode.TIMEOUT: "unanswered",
}


def take(stage: Stage, state: State, act: Act) -> State:
    job = stage.take_message()
    stage.said = f"Worker {act.worker + 1} takes the message of job {job}"
    return _start_run(stage, state, act, job, "")


def duplicate(stage: Stage, state: State, act: Act) -> State:
    stage.said = f"Worker {act.worker + 1} gets a duplicate message of job {act.what}"
    return _start_run(stage, state, act, act.what, "duplicates")


def _start_run(stage: Stage, state: State, act: Act, job: str, fault: str) -> State:
    state = replace(state, tokens=state.tokens + 1, faults=spend(state, act, fault))
    run = Run(job, f"t{state.tokens}", Step.ACQUIRE)
    return _acquire_as(stage, state, act, run)


def acquire(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    stage.said = f"Worker {act.worker + 1} asks again for the lease of job {run.job}"
    return _acquire_as(stage, state, act, run)


def _acquire_as(stage: Stage, state: State, act: Act, run: Run) -> State:
    lease = Lease(run.job, run.token)
    name = f"worker {act.worker + 1}"
    reply = stage.asking_again(lambda: stage.store.acquire(lease, LEASE, name), is_lost=act.is_lost)
    if act.is_lost:
        stage.say_job(run.job, is_lost=True)
        return with_run(state, act, replace(run, asked=True))
    if not isinstance(reply, Acquired):
        stage.said += f", which is not to be had ({told(reply)})."
        return with_run(state, act, None)
    stage.said += " and acquires its lease."
    record = reply.record
    return with_run(
        state,
        act,
        replace(
            run,
            step=Step.PERMIT,
            used=record.attempts_used,
            repeats=bool(record.repeats),
            asked=False,
        ),
    )


def acquire_permit(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    lease, before = Lease(run.job, run.token), state.redis
    sha256 = None
    if not stage.removes(run.job):
        image = promises.image_of(promises.records(stage.memory.values), run.job)
        sha256 = hashlib.sha256(image.encode()).hexdigest()
    stage.said = f"Worker {act.worker + 1} asks for a permit for job {run.job}"
    reply = stage.asking_again(
        lambda: stage.store.acquire_permit(lease, LEASE, REQUEST, sha256=sha256),
        is_lost=act.is_lost,
    )
    holds = promises.check_write(before, stage.memory, run.job, run.token)
    state = replace(state, faults=spend(state, act, ""))
    if act.is_lost:
        stage.say_job(run.job, is_lost=True)
        return with_run(state, act, replace(run, asked=True, is_frozen=False))
    if not isinstance(reply, Permit):
        stage.said += f" and gets none ({told(reply)})."
        return with_run(state, act, None)
    if not holds:
        raise Broken(ONE_OWNER, f"Job {run.job} gets a permit without its lease.")
    in_flight = [
        other.job
        for number, other in enumerate(state.runs)
        if other and number != act.worker and other.step is Step.ANSWER and not other.is_frozen
    ]
    promises.check_permit(stage.memory, run.job, in_flight)
    stage.said += ", gets it, and sends its request."
    return with_run(
        state,
        act,
        replace(run, step=Step.ANSWER, asked=False, is_frozen=False, began=state.now),
    )


def answer(stage: Stage, state: State, act: Act) -> State:
    run, code = run_of(state, act), OutcomeCode(act.what)
    state = replace(state, faults=spend(state, act, _COUNTED_AS.get(code, "")))
    pictures, late = dict(state.pictures), state.late
    who = f"Worker {act.worker + 1}'s request for job {run.job}"
    if code is OutcomeCode.TIMEOUT:
        if not run.is_frozen:
            late = (*late, Late(run.job, run.token, run.began + UNSETTLED))
        stage.said = f"{who} gets no answer; it may arrive later."
    else:
        stage.said = f"{who} is answered with {STATUS[code]}."
        if code is OutcomeCode.DELIVERED:
            pictures[stage.target_of(run.job)] = run.job
        late = tuple(each for each in late if each.token != run.token)
    is_failure = code in {OutcomeCode.SERVER_ERROR, OutcomeCode.TIMEOUT}
    step = Step.REPORT if is_failure else Step.RECORD
    after = replace(run, step=step, code=code, is_frozen=False)
    return with_run(replace(state, pictures=pictures, late=late), act, after)


def report_failure(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    lease, code = Lease(run.job, run.token), run.code or OutcomeCode.TIMEOUT
    stage.said = f"Worker {act.worker + 1} reports the failure of job {run.job}"
    counted = stage.asking_again(
        lambda: stage.store.pool.report_failure(lease, code, "It failed."),
        is_lost=act.is_lost,
    )
    promises.check_write(state.redis, stage.memory, run.job, run.token)
    state = replace(state, faults=spend(state, act, ""))
    if act.is_lost:
        stage.say_job(run.job, is_lost=True)
        return with_run(state, act, replace(run, asked=True, is_frozen=False))
    stage.said += "."
    after = replace(run, step=Step.RECORD, counted=counted, asked=False, is_frozen=False)
    return with_run(state, act, after)


def record(stage: Stage, state: State, act: Act) -> State:
    run = run_of(state, act)
    stage.said = f"Worker {act.worker + 1} records what came of job {run.job}"
    kept = stage.asking_again(
        lambda: record_result(stage.store, run, state.now, removes=stage.removes(run.job)),
        is_lost=act.is_lost,
    )
    holds = promises.check_write(state.redis, stage.memory, run.job, run.token)
    state = replace(state, faults=spend(state, act, ""))
    if act.is_lost:
        stage.say_job(run.job, is_lost=True)
        return with_run(state, act, replace(run, asked=True, is_frozen=False))
    if kept and not holds and not run.asked:
        raise Broken(
            ONE_OWNER,
            f"Worker {act.worker + 1} is told that its result of job {run.job} is recorded,"
            " and it is not.",
        )
    if holds and not kept:
        raise Broken(ONE_OWNER, f"The holder of the lease of job {run.job} is turned away.")
    stage.said += "." if kept else ", and is told that its lease is lost."
    stage.say_job(run.job)
    return with_run(state, act, None)
