"""The progress of a batch: its jobs by state and by outcome."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

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

    def as_dict(self) -> dict[str, object]:
        """The same names and values, ready for JSON."""
        return asdict(self) | {"pending": self.pending, "is_complete": self.is_complete}
