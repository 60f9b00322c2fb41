"""What the demo does: which picture goes to which chatbot, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facelift.codes import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.samples import Sample

UNKNOWN_CHATBOT = "nobody"
"""The one chatbot that the stand-in does not know."""

MISBEHAVIOUR: tuple[dict[str, Any], ...] = (
    {"chatbot_id": "florist", "fault": "status", "status": 500, "times": 2},
    {"chatbot_id": "museum", "fault": "status", "status": 429, "retry_after": 2, "times": 1},
    {"chatbot_id": "library", "fault": "reset", "times": 1},
    {"chatbot_id": "cinema", "fault": "delay", "seconds": 4, "times": 1},
)
"""What the stand-in does at first to which chatbot's uploads; see `sandbox.endpoint.rules`."""


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A picture for a chatbot.

    Attributes:
        picture: the sample.
        chatbot_id: the chatbot.
        outcome: how the job must end.
        answers: the status that the stand-in answers to each of its requests; None if it
            gives none.
    """

    picture: Sample
    chatbot_id: str
    outcome: OutcomeCode
    answers: tuple[int | None, ...] = ()


def plan(samples: Sequence[Sample]) -> list[PlannedJob]:
    """The jobs, in the order in which they are enqueued, before a worker is there.

    Args:
        samples: six good ones and a bad one at least; all of them are used.
    """
    delivered, superseded = OutcomeCode.DELIVERED, OutcomeCode.SUPERSEDED
    good = [each for each in samples if each.expected is delivered]
    bad = [each for each in samples if each.expected is not delivered]
    story = [
        # The newest picture is a bad one: the good one before it is not lost.
        PlannedJob(good[0], "bakery", delivered, (200,)),
        PlannedJob(bad[0], "bakery", bad[0].expected),
        PlannedJob(good[1], "florist", delivered, (500, 500, 200)),
        PlannedJob(good[2], "museum", delivered, (429, 200)),
        PlannedJob(good[3], "library", delivered, (None, 200)),
        PlannedJob(good[4], "cinema", delivered, (200,)),
        # Quick changes of mind: only the last picture is sent.
        PlannedJob(good[5], "hotel", superseded),
        PlannedJob(good[0], "hotel", superseded),
        PlannedJob(good[1], "hotel", delivered, (200,)),
        PlannedJob(good[2], UNKNOWN_CHATBOT, OutcomeCode.CHATBOT_NOT_FOUND, (404,)),
    ]
    rest = [
        PlannedJob(
            each, f"shop-{number}", each.expected, (200,) if each.expected is delivered else ()
        )
        for number, each in enumerate([*good[6:], *bad[1:]], start=1)
    ]
    return story + rest
