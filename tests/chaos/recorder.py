"""Write the history of a run while it goes on, an event a line; `tests/history` judges it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from facelift import LedgerUnavailable
from tests.chaos.load import removal_of, target
from tests.history.events import (
    Call,
    Event,
    Fault,
    Frozen,
    Observed,
    Recorded,
    Request,
    Started,
    Upload,
    to_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sandbox.endpoint.request_log import Arrival
    from tests.chaos.load import PlannedJob
    from tests.chaos.proxy import Exchange
    from tests.chaos.track import InjectedFault
    from tests.chaos.world import Freeze


def _sent(arrival: Arrival) -> str | None:
    """The hash of the image that a request sent, or what stands for it in a removal."""
    if arrival.action == "remove" and arrival.chatbot_id:
        return removal_of(target(arrival.chatbot_id, arrival.asset or ""))
    return arrival.sha256


@dataclass
class Answer:
    """What a call came to; its block sets it."""

    text: str = "accepted"


class Recorder:
    """Writes events to a file as they happen. Any number of threads may share one.

    Args:
        path: of the file.
        started: the run.
    """

    def __init__(self, path: Path, started: Started) -> None:
        self._began = time.monotonic()
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self._write(started)

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    @contextmanager
    def call(self, operation: Literal["enqueue", "cancel"], job: PlannedJob) -> Iterator[Answer]:
        """Record a call of a client that the block makes, from its invocation to its answer."""
        began, answer = time.monotonic(), Answer()
        try:
            yield answer
        except LedgerUnavailable:
            answer.text = "unavailable"
            raise
        finally:
            self._write(
                Call(
                    operation=operation,
                    job=job.job_id,
                    began=self._at(began),
                    ended=self._at(time.monotonic()),
                    answer=answer.text,
                    chatbot=job.target,
                    sha256=job.sha256,
                )
            )

    def observed(self, job_id: str, state: str, outcome: str, finished_at: str) -> None:
        """Record a state that a client saw."""
        self._write(Observed(self._at(time.monotonic()), job_id, state, outcome, finished_at))

    def recorded(self, records: Iterable[Recorded]) -> None:
        """Record the jobs as they stand in the ledger."""
        self._write(*records)

    def requests(self, arrivals: Iterable[Arrival]) -> None:
        """Record what the endpoint saw."""
        self._write(
            *(
                Request(
                    number=each.number,
                    chatbot=each.chatbot_id and target(each.chatbot_id, each.asset or ""),
                    sha256=_sent(each),
                    status=each.status,
                    began=self._at(each.headers_at),
                    unix=round(each.arrived, 6),
                    whole=self._maybe(each.body_at),
                    answered=self._maybe(each.answered_at),
                    stored=each.applied,
                    overlapped=each.overlapped,
                )
                for each in arrivals
            )
        )

    def uploads(self, exchanges: Iterable[Exchange]) -> None:
        """Record what the senders saw."""
        self._write(
            *(
                Upload(
                    worker=each.sender,
                    chatbot=each.chatbot_id,
                    began=self._at(each.began),
                    ended=self._maybe(each.ended),
                )
                for each in exchanges
            )
        )

    def disturbed(self, freezes: Iterable[Freeze], faults: Iterable[InjectedFault]) -> None:
        """Record what was done to the workers and the network."""
        self._write(
            *(Frozen(each.worker, self._at(each.began), self._at(each.ended)) for each in freezes),
            *(Fault(each.kind, self._at(each.began), self._at(each.ended)) for each in faults),
        )

    def _at(self, monotonic: float) -> float:
        return round(monotonic - self._began, 6)

    def _maybe(self, monotonic: float | None) -> float | None:
        return None if monotonic is None else self._at(monotonic)

    def _write(self, *events: Event) -> None:
        lines = "".join(f"{to_line(event)}\n" for event in events)
        with self._lock:
            if not self._file.closed:
                self._file.write(lines)
                self._file.flush()
