"""Steps of producers and operators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from facelift.asset import Action, Asset
from facelift.job import UploadJob
from tests.explore.promises import KEYS
from tests.explore.stage import Stage, spend

if TYPE_CHECKING:
    from tests.explore.state import Act, State

_LIVES = 86_400.0  # seconds; no exploration lasts that long


def enqueue(stage: Stage, state: State, act: Act) -> State:
    index = int(act.what)
    job = stage.scope.jobs[index]
    expires = None if job.lives is None else state.now + job.lives
    upload = UploadJob(
        chatbot_id=job.chatbot,
        image=None if job.action is Action.REMOVE else "media:a.png",
        expires_at=expires,
        asset=job.asset,
        action=job.action,
    )
    removal = ", a removal," if job.action is Action.REMOVE else ""
    icon = "the icon of " if job.asset is Asset.ICON else ""
    stage.said = f"A producer enqueues job {job.name}{removal} for {icon}the chatbot {job.chatbot}"
    _enqueue_once(stage, upload, job.name, act)
    stage.say_job(job.name, is_lost=act.is_lost)
    return replace(state, enqueued=max(state.enqueued, index + 1), faults=spend(state, act, ""))


def _enqueue_once(
    stage: Stage, upload: UploadJob, name: str, act: Act, replay_of: str | None = None
) -> None:
    def enqueue() -> object:
        _, record = stage.store.enqueue(
            upload, name, lifetime=_LIVES, idempotency_window=3600, replay_of=replay_of
        )
        return record

    stage.asking_again(enqueue, is_lost=act.is_lost)


def cancel(stage: Stage, state: State, act: Act) -> State:
    stage.said = f"Somebody cancels job {act.what}"
    stage.said += f": {stage.store.cancel(act.what)}."
    return replace(state, faults=spend(state, act, "cancels"))


def replay(stage: Stage, state: State, act: Act) -> State:
    old = stage.memory.values[KEYS.job(act.what)]
    names = ("chatbot_id", "image", "asset", "action")
    upload = UploadJob(**{name: old[name] for name in names if name in old})
    name = f"{act.what}-again"
    stage.said = f"Somebody replays job {act.what} as {name}"
    _enqueue_once(stage, upload, name, act, replay_of=act.what)
    stage.say_job(name)
    return replace(state, faults=spend(state, act, "replays"))
