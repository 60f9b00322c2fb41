"""Make a picture that would be refused one that may be sent, if whoever enqueued it allows that.

`fit` judges, and says what was changed. `drawing.py` turns a file into an upright square picture in
sRGB; `encoding.py` finds the best file for it under the limit. What may be sent is decided in
`image.py`, which also has the last word on what comes out of here.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from facelift.job import Fit
from worker.errors import ImageRejected
from worker.images.fit.drawing import draw
from worker.images.fit.encoding import encode
from worker.images.fit.phrase import describe, show_size
from worker.images.formats import ImageFormat, prove_rows, strip
from worker.images.validate import survey, validate

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from worker.images.validate import ImageLimits, ValidImage

__all__ = ["fit", "read_limit", "room_for", "show_size"]

_MENDABLE = {
    OutcomeCode.IMAGE_TOO_LARGE,
    OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED,
    OutcomeCode.IMAGE_ANIMATED,
    OutcomeCode.IMAGE_NOT_SQUARE,
}
_fitting = threading.Lock()
_rooms = threading.BoundedSemaphore(4)


def fit(data: bytes, limits: ImageLimits, how: Fit) -> ValidImage:
    """`data` as it is if it passes `validate`; else, unless `how` is strict, a picture made of it.

    What is made passes `validate` too. It has no metadata, is never larger than what is in `data`,
    and never more than 2048 pixels wide. Of what moves it is the first frame.

    One at a time in a process: it is pure computation, and a picture of 40 megapixels takes up to
    600 MB, a WebP 850 MB.

    Raises:
        ImageRejected: it cannot be sent, and may not or cannot be changed so that it can.
        MemoryError: this machine's want, not the picture's fault.
    """
    try:
        return validate(data, limits)
    except ImageRejected as rejected:
        if how is Fit.STRICT or rejected.code not in _MENDABLE:
            raise
    image_format, layout = survey(data, limits.before_fitting)
    with _fitting:
        if image_format is ImageFormat.PNG:
            prove_rows(layout)  # Pillow would not miss the last ones
        square = draw(strip(data, image_format), image_format, how, limits.pixel_limit)
        encoded = encode(square, image_format, limits)
    made = validate(encoded.data, limits)
    return replace(made, fitted=describe(layout, image_format, len(data), encoded, made.side))


def read_limit(limits: ImageLimits, how: Fit) -> int:
    """How many bytes of a picture's file are worth reading."""
    return (limits if how is Fit.STRICT else limits.before_fitting).byte_limit


def room_for(how: Fit) -> AbstractContextManager[object]:
    """Enter before a file that may be fitted is read: few of these are held at a time."""
    return nullcontext() if how is Fit.STRICT else _rooms
