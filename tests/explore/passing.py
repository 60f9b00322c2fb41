"""Steps of the queue, the schedule and time."""

from __future__ import annotations

from dataclasses import replace

from facelift.ledger.replies import Lease
from tests.explore.database import Entries, SortedSet
from tests.explore.promises import KEYS, ONE_OWNER, Broken
from tests.explore.scope import ANY
from tests.explore.stage import LEASE, REQUEST, Stage, spend
from tests.explore.state import Act, State, Step

ALMOST = 0.0004  # seconds before a moment; the ledger rounds to milliseconds
_LONG = 40_000.0  # seconds: a wait that no exploration lasts


def lose_message(stage: Stage, state: State, act: Act) -> State:
    job = stage.take_message()
    stage.said = f"The wake-up message of job {job} is lost."
    return replace(state, faults=spend(state, act, "lost_messages"))


def run_schedule(stage: Stage, state: State, act: Act) -> State:
    run = stage.store.run_schedule(100)
    did = [
        f"{count} {what}"
        for count, what in (
            (run.sent, "sent on"),
            (run.recovered, "recovered from a lost lease"),
            (run.crash_loops, "failed for good"),
            (run.resent, "sent again, since its message was lost"),
            (run.expired, "expired"),
        )
        if count
    ]
    stage.said = f"The schedule runs: {', '.join(did) or 'nothing comes of it'}."
    return replace(state, faults=spend(state, act, ""))


def pass_time(stage: Stage, state: State, act: Act) -> State:
    until = next_moment(state)
    if until is None:
        raise AssertionError("nothing is to come")
    if act.what:  # times of the ledger are rounded to milliseconds
        until -= ALMOST
    stage.memory.restore(state.redis, until)
    stage.said = f"{until - state.now:.6g} s pass"
    for run in state.runs:
        if run and not run.is_frozen and not run.is_released:
            is_lost = stage.store.renew([Lease(run.job, run.token)], LEASE)
            if is_lost and not run.asked and not run.stood_still:
                raise Broken(ONE_OWNER, f"The lease of job {run.job} is lost under a live worker.")
    stage.said += "; live workers renew their leases." if any(state.runs) else "."
    late = tuple(each for each in state.late if each.until > until)
    if len(late) < len(state.late):
        stage.said += " An upload without an answer can no longer arrive."
    faults = state.faults
    if is_slow(state) and faults.slow != ANY:
        faults = faults._replace(slow=faults.slow - 1)
    return replace(state, late=late, faults=faults)


def messages(state: State) -> int:
    """On the queue."""
    found: Entries = state.redis.values.get(KEYS.queue, Entries())
    return len(found)


def is_slow(state: State) -> bool:
    """Whether a worker is at a job, or could take one: then time need not pass."""
    is_busy = any(run and not run.is_frozen for run in state.runs)
    return is_busy or bool(messages(state) and None in state.runs)


def is_due(state: State) -> bool:
    """Whether the schedule has something to do."""
    schedule: SortedSet = state.redis.values.get(KEYS.schedule, SortedSet())
    return any(at <= round(state.now, 3) for at in schedule.values())


def next_moment(state: State) -> float | None:
    """When something is due next; None if that is now, or in days: a job's own deadline."""
    renewed = {run.job for run in state.runs if run and not run.is_frozen and not run.is_released}
    schedule: SortedSet = state.redis.values.get(KEYS.schedule, SortedSet())
    times = [at for what, at in schedule.items() if not _is_renewed(state, what, renewed)]
    if any(at <= state.now for at in times):
        return None
    times += [each.until for each in state.late]
    for run in state.runs:
        if run and run.step is Step.ANSWER and not run.is_frozen:
            times.append(run.began + REQUEST)
    until = min(times, default=None)
    return until if until is not None and 0 < until - state.now < _LONG else None


def _is_renewed(state: State, what: str, renewed: set[str]) -> bool:
    if what not in renewed:
        return False
    record = state.redis.values.get(KEYS.job(what), {})
    return any(
        run and run.job == what and run.token == record.get("lease_token") and not run.is_frozen
        for run in state.runs
    ) and bool(record.get("state") == "running")
