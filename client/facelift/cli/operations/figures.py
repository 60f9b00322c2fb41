"""Recent throughput and latency, computed from the stream of outcomes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from facelift.codes import OutcomeCode
from facelift.queries import Outcome

SPAN = 300.0
"""Seconds that the figures look back on."""
RECENT = 10.0
"""Seconds over which the present rate and latency are taken."""


class _Ended(NamedTuple):
    """A job that ended.

    Attributes:
        at: Unix seconds.
        outcome: why.
        latency: seconds since it was enqueued; None without success.
    """

    at: float
    outcome: OutcomeCode
    latency: float | None


_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.:-=+*#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of the last minutes.

    Attributes:
        rate: jobs that ended per second, over the last `RECENT` seconds.
        ended: jobs that ended within `SPAN`.
        delivered: those of them that set an image.
        removed: those of them that removed an image.
        median: seconds from enqueueing to success, over the last `RECENT` seconds; None if
            nothing succeeded.
        slow: the same at the 95th percentile.
    """

    rate: float
    ended: int
    delivered: int
    removed: int
    median: float | None
    slow: float | None


class Figures:
    """Jobs that ended within the last `SPAN` seconds. All times are Unix seconds of Redis.

    Args:
        ended: the jobs.
    """

    def __init__(self, ended: Iterable[_Ended] = ()) -> None:
        self._ended = tuple(ended)

    def with_more(self, outcomes: Iterable[Outcome], now: float) -> "Figures":
        """Add what ended since, and drop what ended before the span."""
        new = (
            _Ended(
                each.finished_at,
                each.outcome,
                each.finished_at - each.created_at if each.outcome.is_success else None,
            )
            for each in outcomes
        )
        return Figures(each for each in (*self._ended, *new) if each.at >= now - SPAN)

    def summary(self, now: float) -> Summary:
        """The present figures."""
        recent = [each for each in self._ended if each.at > now - RECENT]
        outcomes = Counter(each.outcome for each in self._ended)
        return Summary(
            rate=len(recent) / RECENT,
            ended=len(self._ended),
            delivered=outcomes[OutcomeCode.DELIVERED],
            removed=outcomes[OutcomeCode.REMOVED],
            median=_quantile(recent, 0.5),
            slow=_quantile(recent, 0.95),
        )

    def throughput(self, now: float, columns: int) -> list[float | None]:
        """Jobs that ended per second, in `columns` equal parts of the span, oldest first."""
        return [len(part) * columns / SPAN for part in self._parts(now, columns)]

    def latency(self, now: float, columns: int) -> list[float | None]:
        """The median seconds to success in each part; None where nothing succeeded."""
        return [_quantile(part, 0.5) for part in self._parts(now, columns)]

    def _parts(self, now: float, columns: int) -> list[list[_Ended]]:
        parts: list[list[_Ended]] = [[] for _ in range(columns)]
        for each in self._ended:
            place = int((each.at - (now - SPAN)) / SPAN * columns)
            parts[min(max(place, 0), columns - 1)].append(each)
        return parts


def sparkline(values: Sequence[float | None], *, ascii_only: bool = False) -> str:
    """One character a value, none below 0, as high as it is beside the highest; blank for None."""
    bars = _ASCII_BARS if ascii_only else _BARS
    highest = max((value for value in values if value), default=1.0)
    return "".join(
        " " if value is None else bars[ceil(value / highest * (len(bars) - 1))] for value in values
    )


def _quantile(ended: Iterable[_Ended], share: float) -> float | None:
    ordered = sorted(each.latency for each in ended if each.latency is not None)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None
