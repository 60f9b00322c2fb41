"""One attempt at a job, as the record's history has it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from facelift.codes import Decision, OutcomeCode


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a job, and the decision that followed.

    Attributes:
        number: position in the job's history, from 1; 0 until it is recorded.
        started_at: Unix seconds.
        duration: seconds, from acquiring the lease to the decision.
        code: its outcome.
        http_status: the response's status, if there was a response.
        decision: what follows.
        reason: why, for a person.
        next_at: Unix seconds of the next attempt, after `retry`.
        counted: whether it counts against the job's attempts.
    """

    started_at: float
    duration: float
    code: OutcomeCode
    http_status: int | None
    decision: Decision
    reason: str
    next_at: float | None
    counted: bool
    number: int = 0

    def encode(self) -> str:
        """The attempt as JSON, without the number, which is the field's name in the record."""
        return _to_json(self._stored())

    def encode_last(self, outcome: str, message: str) -> str:
        """The attempt that ends a job, without what the record says too: records are many."""
        implied = _implied_by({"outcome": outcome, "message": message})
        return _to_json(
            {
                name: value
                for name, value in self._stored().items()
                if name not in {"started_at", "http_status"} and implied.get(name) != value
            }
        )

    @classmethod
    def decode(cls, number: int, text: str, record: Mapping[str, str]) -> Self:
        """Read an attempt out of the hash of `record`."""
        stored = json.loads(text)
        if "started_at" not in stored:
            stored = _implied_by(record) | stored
        return cls(
            number=number,
            started_at=stored["started_at"],
            duration=stored["duration"],
            code=OutcomeCode.read(stored["code"]),
            http_status=stored.get("http_status"),
            decision=Decision.read(stored["decision"]),
            reason=stored["reason"],
            next_at=stored.get("next_at"),
            counted=stored["counted"],
        )

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make it of the field `attempts` of what `JobRecord.as_dict` returned."""
        made = {name: value for name, value in given.items() if name in cls.__dataclass_fields__}
        code, decision = OutcomeCode.read(given["code"]), Decision.read(given["decision"])
        return cls(**made | {"code": code, "decision": decision})

    def _stored(self) -> dict[str, object]:
        return {name: value for name in _STORED if (value := getattr(self, name)) is not None}


_STORED = tuple(field.name for field in fields(Attempt) if field.name != "number")
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _implied_by(record: Mapping[str, str]) -> dict[str, Any]:
    """The fields of an ended job's last attempt that follow from the record."""
    succeeded = OutcomeCode.read(record["outcome"]).is_success
    return {
        "started_at": float(record.get("started_at", 0)),
        "code": record["outcome"],
        "http_status": int(record.get("http_status") or 0) or None,
        "decision": Decision.SUCCEED if succeeded else Decision.FAIL,
        "reason": record["message"],
        "counted": True,
    }
