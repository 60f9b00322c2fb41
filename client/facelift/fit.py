"""How a worker may change an image that would be refused. A `check_` raises `InvalidJob`."""

import re
from enum import StrEnum
from typing import Literal

from facelift.checks import shown
from facelift.errors import InvalidJob

_FRACTION = r" *(0|1|0?\.[0-9]{1,20}|1\.0{1,20}) *"


class Fit(StrEnum):
    """What a worker may do to an image that would be refused."""

    STRICT = "strict"
    """Nothing: the exact bytes are sent, or refused."""
    CROP = "crop"
    """Cut its longer sides, keep the centre or the job's `fit_focus`, and re-encode it."""
    PAD = "pad"
    """Put it onto a square background, white or transparent, and re-encode it."""


FitName = Literal["strict", "crop", "pad"]
"""The text of a `Fit`."""

Focus = tuple[float, float]
"""A point of an image as a viewer sees it: fractions of its width and height, from the top left."""

CENTRE: Focus = (0.5, 0.5)
"""What a crop keeps unless the job says otherwise."""


def check_fit(fit: object) -> Fit:
    """Return the fit that `fit` names."""
    for each in Fit:
        if fit == each:
            return each
    raise InvalidJob("fit", f"must be one of {', '.join(Fit)}, not {shown(fit)}")


def check_fit_focus(focus: object, fit: Fit) -> Focus | None:
    """Return a focus: of two numbers, or of text such as `0.5,0.3`; None stays None."""
    if focus is None:
        return None
    if fit is not Fit.CROP:
        raise InvalidJob("fit_focus", f"needs fit crop, which keeps a part; fit is {fit}")
    given = focus.split(",") if isinstance(focus, str) else focus
    if isinstance(given, list | tuple) and len(given) == 2:  # noqa: PLR2004 - across and down
        x, y = map(_fraction, given)
        if x is not None and y is not None:
            return x, y
    raise InvalidJob(
        "fit_focus",
        "must be two numbers from 0 to 1, across and down from the top left, such as 0.5,0.3, "
        f"not {shown(focus)}",
    )


def focus_text(focus: Focus) -> str:
    """A focus as text, such as `0.5,0.3`."""
    return ",".join(f"{part:g}" for part in focus)


def read_focus(text: str) -> Focus:
    """The inverse of `focus_text`.

    Raises:
        ValueError: it is no such text.
    """
    x, y = map(float, text.split(","))
    return x, y


def _fraction(part: object) -> float | None:
    """A number from 0 to 1, as precise as a record holds it; None if it is none."""
    if isinstance(part, str) and re.fullmatch(_FRACTION, part):
        return round(float(part), 4)
    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part <= 1:
        return None
    return round(float(part), 4)
