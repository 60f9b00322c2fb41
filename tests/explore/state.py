"""A state of the explored world: the whole of Redis, and what workers, producers, endpoint know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facelift.codes import OutcomeCode
    from tests.explore.database import Snapshot
    from tests.explore.scope import Faults


class Step(StrEnum):
    """What a worker does next for its job."""

    ACQUIRE = "acquire"  # again: the reply was lost
    PERMIT = "acquire_permit"
    ANSWER = "answer"  # its request is in flight
    REPORT = "report_failure"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Run:
    """A worker at a job.

    Attributes:
        job: its id.
        token: of its lease.
        step: what is next.
        used: attempts that the job had used up when it was acquired.
        repeats: whether the job repeats a delivered one's upload.
        code: what came of the request, once that is known.
        counted: whether a failure uses up an attempt.
        asked: whether the next script has run before, and its reply was lost.
        began: Unix seconds of the request.
        is_frozen: whether the worker stands still.
        stood_still: whether it ever did, so that its lease may be lost.
        is_released: whether the worker has released its lease, since it stops.
    """

    job: str
    token: str
    step: Step
    used: int = 0
    repeats: bool = False
    code: OutcomeCode | None = None
    counted: bool = True
    asked: bool = False
    began: float = 0.0
    is_frozen: bool = False
    stood_still: bool = False
    is_released: bool = False


class Late(NamedTuple):
    """An upload without an answer, which the endpoint may apply until some time."""

    job: str
    token: str
    until: float


class Act(NamedTuple):
    """One step of the world.

    Attributes:
        kind: what happens.
        worker: to which worker, if to one.
        what: a job, or an answer.
        is_lost: whether the reply of the script is lost.
    """

    kind: str
    worker: int = -1
    what: str = ""
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The world between two steps.

    Attributes:
        redis: all keys.
        now: Unix seconds.
        runs: what each worker does.
        faults: that may still happen.
        enqueued: how many of the scope's jobs.
        tokens: leases so far.
        late: uploads without an answer.
        pictures: the job whose image each chatbot shows.
    """

    redis: Snapshot
    now: float
    runs: tuple[Run | None, ...]
    faults: Faults
    enqueued: int
    tokens: int
    late: tuple[Late, ...]
    pictures: Mapping[str, str]
