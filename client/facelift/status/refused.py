"""A Celery message that a worker refused for its form."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that no job could be recorded for, or whose follow-ups could not be sent.

    Attributes:
        at: Unix seconds.
        reason: why, for its producer.
        task_id: of the message, as far as it could be read; else empty.
    """

    at: float
    reason: str
    task_id: str = ""

    @classmethod
    def decode(cls, stored: str) -> Self:
        """Read it from the ledger's list."""
        return cls(**json.loads(stored))

    def encode(self) -> str:
        """As the ledger's list holds it."""
        return json.dumps(asdict(self))
