"""Throughput and latency of late, from the stream of outcomes, and lines that draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facelift.queries import Outcome

SPAN = 300.0
"""Seconds that are looked back on."""
RECENT = 10.0
"""Seconds over which a rate or a latency counts as that of now."""

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.:-=+*#"


@dataclass(frozen=True, slots=True)
class _Ended:
    at: float
    latency: float | None  # from enqueueing to delivery, of a job that was delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of the last minutes.

    Attributes:
        rate: jobs that ended, a second, lately.
        ended: jobs that ended.
        delivered: those among them that were delivered.
        median: seconds from enqueueing to delivery, lately; None if nothing was delivered.
        slow: the same that 95 of 100 stay below.
    """

    rate: float
    ended: int
    delivered: int
    median: float | None
    slow: float | None


class Figures:
    """Jobs that ended within the last `SPAN` seconds. All times are Redis', Unix seconds."""

    def __init__(self, ended: Iterable[_Ended] = ()) -> None:
        self._ended = tuple(ended)

    def with_more(self, outcomes: Iterable[Outcome], now: float) -> Figures:
        """With what ended since, and without what is too long ago."""
        new = (
            _Ended(
                each.finished_at,
                each.finished_at - each.created_at
                if each.outcome is OutcomeCode.DELIVERED
                else None,
            )
            for each in outcomes
        )
        return Figures(each for each in (*self._ended, *new) if each.at >= now - SPAN)

    def summary(self, now: float) -> Summary:
        """The figures as of now."""
        recent = [each for each in self._ended if each.at > now - RECENT]
        latencies = sorted(each.latency for each in recent if each.latency is not None)
        return Summary(
            rate=len(recent) / RECENT,
            ended=len(self._ended),
            delivered=sum(each.latency is not None for each in self._ended),
            median=_quantile(latencies, 0.5),
            slow=_quantile(latencies, 0.95),
        )

    def throughput(self, now: float, columns: int) -> list[float | None]:
        """Jobs that ended, a second, in `columns` equal parts of the span, oldest first."""
        return [len(part) * columns / SPAN for part in self._parts(now, columns)]

    def latency(self, now: float, columns: int) -> list[float | None]:
        """The median seconds to a delivery in each of them; None where nothing was delivered."""
        return [
            _quantile(sorted(each.latency for each in part if each.latency is not None), 0.5)
            for part in self._parts(now, columns)
        ]

    def _parts(self, now: float, columns: int) -> list[list[_Ended]]:
        parts: list[list[_Ended]] = [[] for _ in range(columns)]
        for each in self._ended:
            place = int((each.at - (now - SPAN)) / SPAN * columns)
            parts[min(max(place, 0), columns - 1)].append(each)
        return parts


def sparkline(values: Sequence[float | None], *, plain: bool = False) -> str:
    """One sign a value, as high as it is beside the highest; a space for none.

    Args:
        values: none below 0.
        plain: whether only ASCII can be shown.
    """
    bars = _PLAIN_BARS if plain else _BARS
    highest = max((value for value in values if value), default=0.0)
    return "".join(_bar(value, highest, bars) for value in values)


def _bar(value: float | None, highest: float, bars: str) -> str:
    if value is None:
        return " "
    if not value:
        return bars[0]
    return bars[max(1, min(len(bars) - 1, round(value / highest * (len(bars) - 1))))]


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None
