"""Fill the marked places of a page; the rest, written by hand, stays as it is.

A place is `<!-- bench: NAME -->` and whatever follows up to `<!-- /bench -->`. A place
without new content keeps what it had.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE = re.compile(r"(<!-- bench: ([a-z-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def filled(text: str, places: Mapping[str, str]) -> str:
    """`text` with its marked places filled.

    Raises:
        ValueError: there is no place for something.
    """
    if missing := set(places) - {place[2] for place in _PLACE.finditer(text)}:
        raise ValueError(f"no place for {', '.join(sorted(missing))}")
    return _PLACE.sub(
        lambda place: (
            f"{place[1]}{places[place[2]]}\n{place[3]}" if place[2] in places else place[0]
        ),
        text,
    )
