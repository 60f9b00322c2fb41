"""The events of a run's history: one JSON object a line, written and read without the product.

Times are seconds since the run began, by one clock that goes on evenly. Those of the ledger are
Unix seconds by the clock of Redis; a request has both, so that they can be compared.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORMAT = 1
TERMINAL = {"succeeded", "failed", "superseded", "cancelled", "expired"}


@dataclass(frozen=True, slots=True)
class Started:
    """The run: the first line of its history."""

    event: ClassVar = "run"
    seed: int
    jobs: int
    chatbots: int
    workers: int
    seconds: float
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of a client, from its invocation to its answer.

    Attributes:
        operation: what it asked for.
        job: the job's id.
        began: when it was invoked.
        ended: when its answer came; None if none ever did.
        answer: `accepted`, for a cancellation the job's state afterwards, or `unavailable`.
        chatbot: of a job that is enqueued.
        sha256: of its image, which no other job has; None if there is none.
    """

    event: ClassVar = "call"
    operation: Literal["enqueue", "cancel"]
    job: str
    began: float
    ended: float | None
    answer: str
    chatbot: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """A terminal state that a client saw, when it differs from what was seen before."""

    event: ClassVar = "observed"
    at: float
    job: str
    state: str
    outcome: str
    finished_at: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A job as the ledger has it at the end.

    Attributes:
        generation: its number among its chatbot's jobs.
        finished_at: Unix seconds; 0 if it has not ended.
    """

    event: ClassVar = "recorded"
    job: str
    chatbot: str
    state: str
    outcome: str
    generation: int
    finished_at: float

    @property
    def has_ended(self) -> bool:
        """Whether its state never changes again."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the endpoint saw it.

    Attributes:
        number: in order of arrival.
        began: when its head was read.
        unix: the same moment in Unix seconds.
        whole: when the whole of it was there; None if it never was.
        answered: when it was answered; None if that was not possible.
        stored: whether the image was taken.
        overlapped: whether another one of the chatbot was in flight meanwhile.
    """

    event: ClassVar = "request"
    number: int
    chatbot: str | None
    sha256: str | None
    status: int | None
    began: float
    unix: float
    whole: float | None
    answered: float | None
    stored: bool
    overlapped: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A request as its sender saw it: from its first bytes to its answer, or its end without."""

    event: ClassVar = "upload"
    worker: str
    chatbot: str
    began: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Frozen:
    """A time in which a worker could do nothing at all."""

    event: ClassVar = "frozen"
    worker: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was injected."""

    event: ClassVar = "fault"
    kind: str
    began: float
    ended: float


Event = Started | Call | Observed | Recorded | Request | Upload | Frozen | Fault
_KINDS: dict[str, type[Event]] = {
    kind.event: kind for kind in (Started, Call, Observed, Recorded, Request, Upload, Frozen, Fault)
}


class NoHistory(ValueError):  # noqa: N818 - named after its meaning, as the project's errors are
    """A line is no event of a history."""


@dataclass
class History:
    """All that happened in a run, by kind, in the order in which it was written."""

    started: Started | None = None
    calls: list[Call] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    frozen: list[Frozen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, events: Iterable[Event]) -> History:
        """The history of these events."""
        history = cls()
        lists = {
            Call: history.calls,
            Observed: history.observed,
            Recorded: history.recorded,
            Request: history.requests,
            Upload: history.uploads,
            Frozen: history.frozen,
            Fault: history.faults,
        }
        for event in events:
            if isinstance(event, Started):
                history.started = event
            else:
                lists[type(event)].append(event)  # type: ignore[attr-defined] # each in its list
        return history


def to_line(event: Event) -> str:
    """The event as a line of JSON."""
    return json.dumps({"event": event.event, **asdict(event)}, separators=(",", ":"))


def from_line(line: str) -> Event:
    """The event that a line holds.

    Raises:
        NoHistory: it holds none.
    """
    try:
        found = json.loads(line)
        kind = _KINDS[found.pop("event")]
        known = {each.name for each in fields(kind)}
        return kind(**{name: value for name, value in found.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoHistory(f"no event: {line[:80]!r}") from error


def read(path: Path) -> History:
    """The history in a file.

    Raises:
        NoHistory: it is none, is of a later format, or is cut off.
        OSError: it cannot be read.
    """
    events = [from_line(line) for line in path.read_text("utf-8").splitlines()]
    match events:
        case [Started(format=1), *_]:
            return History.of(events)
        case _:
            raise NoHistory(f"{path.name} does not begin with a run of format {FORMAT}")
