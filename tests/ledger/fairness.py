"""What start-time fair queueing promises, checked on the order in which a queue served."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WEIGHTS = {"high": 4, "normal": 2, "low": 1}
AHEAD = 5
"""How far ahead of the others a flow that had no waiting job may run, in jobs over weight."""


@dataclass(frozen=True)
class Flow:
    """Jobs that take turns with those of other flows as one.

    Attributes:
        name: of its batch; its chatbots are `<name>-<number>`.
        priority: of all of its jobs.
        jobs: how many.
        begins: second at which all of them are enqueued.
    """

    name: str
    priority: str
    jobs: int
    begins: float = 0.0

    @property
    def weight(self) -> int:
        """Of its priority."""
        return WEIGHTS[self.priority]

    @property
    def chatbots(self) -> list[str]:
        """One for each job, in order."""
        return [f"{self.name}-{number}" for number in range(self.jobs)]


Service = tuple[float, str]
"""Second at which a chatbot of some flow was served."""


def unfairness(flows: Sequence[Flow], services: Sequence[Service]) -> Iterator[str]:
    """Each broken promise in a sentence.

    While two flows have jobs that wait, what they were served, each divided by its weight,
    differs by at most a job of each, and by the turns that a flow may run ahead which begins while
    the other waits; so neither starves, and over a long time weights hold.
    Within a flow, the order is that of enqueueing.
    """
    for flow in flows:
        served = [chatbot for _, chatbot in services if chatbot in set(flow.chatbots)]
        if served != flow.chatbots:
            yield f"{flow.name} was served {served}"
    for one, other in combinations(flows, 2):
        allowed = 1 / one.weight + 1 / other.weight + AHEAD * (one.begins != other.begins)
        if (spread := _spread(one, other, services)) > allowed + 1e-9:
            yield f"{one} and {other} differ by {spread}, not {allowed}"


def _spread(one: Flow, other: Flow, services: Sequence[Service]) -> float:
    """How far apart the two were at most, in jobs over weight, while both had jobs waiting."""
    left = {flow.name: flow.jobs for flow in (one, other)}
    begin = max(one.begins, other.begins)
    apart = lowest = highest = 0.0
    for second, chatbot in services:
        name = chatbot.rpartition("-")[0]
        both = second >= begin and all(left.values())
        if name in left:
            left[name] -= 1
            if both:
                apart += 1 / one.weight if name == one.name else -1 / other.weight
                lowest, highest = min(lowest, apart), max(highest, apart)
    return highest - lowest
