"""Where the explored world is played: one ledger in memory, and what was said of the last step."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from facelift.ledger.replies import Acquired, Ended, Permit, Waiting
from facelift.ledger.store import JobStore
from tests.explore.promises import ASKED_AGAIN, KEYS, Broken, target_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore.lua_redis import LuaRedis
    from tests.explore.scope import Scope
    from tests.explore.state import Act, Run, State

START = 1_764_000_000.0
LEASE, REQUEST, UNSETTLED = 15.0, 30.0, 120.0  # seconds

_REPEAT = re.compile(r"job (repeat-[\d-]+)")


class Stage:
    """One ledger, whose keys are replaced at each step.

    Args:
        scope: what may happen.
        redis: the ledger's.

    Attributes:
        memory: its keys.
        store: its scripts.
        said: what the last step was, in a sentence.
    """

    def __init__(self, scope: Scope, redis: LuaRedis) -> None:
        self.scope = scope
        self.said = ""
        self.redis = redis
        self.memory = redis.memory
        client: Any = redis
        self.store = JobStore(client, now=lambda: self.memory.now)

    def asking_again(self, call: Callable[[], Any], *, is_lost: bool) -> Any:
        """Call a script; if its reply is lost, see that the same again would change nothing."""
        reply = call()
        if is_lost:
            before = self.memory.snapshot()
            again = call()
            if not _are_same(reply, again):
                raise Broken(ASKED_AGAIN, f"It answered {told(reply)}; asked again, {told(again)}.")
            changed = [
                key
                for key in {*before.values, *self.memory.values}
                if before.values.get(key) != self.memory.values.get(key)
            ]
            if changed:
                raise Broken(ASKED_AGAIN, f"Asked again, it changed {', '.join(changed)}.")
        return reply

    def take_message(self) -> str:
        message = str(self.redis.rpop(KEYS.queue))
        return message.partition('"id":"')[2].partition('"')[0]

    def target_of(self, job: str) -> str:
        """The chatbot and asset that a job is about, as in the ledger's keys."""
        return target_of(self.memory.values[KEYS.job(job)])

    def removes(self, job: str) -> bool:
        return "action" in self.memory.values[KEYS.job(job)]

    def say_job(self, job: str, *, is_lost: bool = False) -> None:
        record = self.memory.values.get(KEYS.job(job), {})
        what = record.get("wait_reason") or record.get("outcome") or record.get("state", "unknown")
        state = record.get("state", "")
        self.said = self.said.removesuffix(".")
        self.said += ", and the reply is lost" if is_lost else ""
        self.said += f": job {job} is {state}" + (f" ({what})" if what != state else "") + "."

    @property
    def sentence(self) -> str:
        """What was said, with `the repeat of job A` for a repeat's id."""

        def name(found: re.Match[str]) -> str:
            record = self.memory.values.get(KEYS.job(found[1]), {})
            return f"the repeat of job {record.get('repeats')}"

        return _REPEAT.sub(name, self.said.removesuffix(".")) + "."


def spend(state: State, act: Act, fault: str) -> Any:
    faults = state.faults
    if act.is_lost and act.kind != "kill":
        faults = faults._replace(lost_replies=faults.lost_replies - 1)
    if fault and not (act.kind == "kill" and act.is_lost):
        if act.kind == "answer" and (run := state.runs[act.worker]) and run.is_frozen:
            return faults
        faults = faults._replace(**{fault: getattr(faults, fault) - 1})
    return faults


def run_of(state: State, act: Act) -> Run:
    run = state.runs[act.worker]
    if run is None:
        raise AssertionError(f"worker {act.worker} has no job")
    return run


def with_run(state: State, act: Act, run: Run | None) -> State:
    runs = list(state.runs)
    runs[act.worker] = run
    return replace(state, runs=tuple(runs))


def _are_same(reply: object, again: object) -> bool:
    """Whether two replies say the same; why a job waits may be put in other words."""
    return type(reply) is type(again) and (isinstance(reply, Waiting) or reply == again)


def told(reply: object) -> str:
    """A reply as a few words."""
    match reply:
        case Waiting(reason, _, _):
            return f"it waits: {reason}"
        case Ended(state):
            return f"it has ended: {state}"
        case Permit():
            return "a permit"
        case Acquired(_):
            return "the lease"
        case True | False:
            return "yes" if reply else "no"
    return type(reply).__name__.lower()
