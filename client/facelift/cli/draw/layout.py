"""Lines and times for a person: no colour needed, at home in 80 columns and in a pipe."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime

WIDTH = 80
_LABEL = 10


def fact(label: str, value: str) -> str:
    """A value behind its label, in as many lines as it needs."""
    return filled(f"{label:<{_LABEL}}", value, _LABEL)


def filled(head: str, value: str, indent: int) -> str:
    """`value` behind `head`, in as many lines as it needs, the later ones indented."""
    return textwrap.fill(
        value,
        width=WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def date(time: float) -> str:
    """Day and time of day."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(time: float) -> str:
    """The time of day, in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%H:%M:%S}"


def moment(time: float, today: float) -> str:
    """The time of day, with the day if that is another than of `today`."""
    same_day = date(time)[:10] == date(today)[:10]
    return clock(time) if same_day else date(time)
