"""The progress of a batch: its jobs by state and by outcome."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from facelift.codes import JobState, OutcomeCode

_CODE = "code:"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """The progress of a batch. Times are Unix seconds.

    Attributes:
        id: the batch's name.
        total: how many jobs it has had so far; more may be added.
        states: number of jobs by state; states without a job are left out.
        codes: number of ended jobs by outcome.
        created_at: when its first job was enqueued.
        finished_at: when its last job ended; None while one has not.
    """

    id: str
    total: int
    states: Mapping[JobState, int]
    codes: Mapping[OutcomeCode, int]
    created_at: float
    finished_at: float | None

    @property
    def pending(self) -> int:
        """How many have not ended."""
        return sum(count for state, count in self.states.items() if not state.is_terminal)

    @property
    def is_complete(self) -> bool:
        """Whether all that it has had so far have ended."""
        return self.pending == 0

    @classmethod
    def decode(cls, batch_id: str, stored: Mapping[str, str]) -> Self:
        """Read a batch's hash; unknown fields are ignored."""
        codes = {
            OutcomeCode.read(name.removeprefix(_CODE)): int(count)
            for name, count in sorted(stored.items())
            if name.startswith(_CODE)
        }
        finished_at = stored.get("finished_at")
        return cls(
            id=batch_id,
            total=int(stored["total"]),
            states={state: count for state in JobState if (count := int(stored.get(state, "0")))},
            codes=codes,
            created_at=float(stored["created_at"]),
            finished_at=float(finished_at) if finished_at else None,
        )

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make it of what `as_dict` returned, also after a way through JSON."""
        made = {name: value for name, value in given.items() if name in cls.__dataclass_fields__}
        states = {JobState.read(name): count for name, count in given["states"].items()}
        codes = {OutcomeCode.read(name): count for name, count in given["codes"].items()}
        return cls(**made | {"states": states, "codes": codes})

    def as_dict(self) -> dict[str, object]:
        """The same names and values, ready for JSON."""
        return asdict(self) | {"pending": self.pending, "is_complete": self.is_complete}

    __json__ = as_dict
    """What encoders of JSON such as Celery's ask for."""
