"""What the endpoint of the isolation benchmark does to whom, and when."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

LATENCY = 0.05
"""Seconds until a healthy answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A fault; the first rule that applies to an upload decides, and without one it gets 200.

    Attributes:
        prefix: of the chatbots' ids.
        tenths: of the chatbots by the last digit of their number, 3 for 0, 1 and 2.
        begin: seconds since the start of the run.
        end: the same.
        times: only the first so many uploads of a chatbot.
        share: the probability with which it applies, drawn for each upload.
        status: of the answer; 0 for none, until the client gives up; -1 to reset the connection.
        takes: seconds until the answer.
    """

    prefix: str = ""
    tenths: int = 10
    begin: float = 0.0
    end: float = inf
    times: float = inf
    share: float = 1.0
    status: int = 200
    takes: float = LATENCY

    def applies(self, chatbot: str, at: float, upload: int) -> bool:
        """Whether it is meant for this upload of a chatbot, the first being 0, but for chance."""
        return (
            self.begin <= at < self.end
            and upload < self.times
            and chatbot.startswith(self.prefix)
            and (self.tenths == 10 or int(chatbot[-1]) < self.tenths)  # noqa: PLR2004 - all
        )
