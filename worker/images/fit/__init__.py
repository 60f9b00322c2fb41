"""Fit an image that would be refused, if the job allows that: make one of it that may be sent.

`drawing.py` turns a file into an upright square image in sRGB; `encoding.py` finds the best file
for it under the limit. `validate` decides what may be sent, and also checks what comes out of here.
"""

from dataclasses import replace
from math import isqrt

from facelift.codes import OutcomeCode
from facelift.fit import CENTRE, Fit, Focus
from worker.errors import ImageRejected
from worker.images.cost import LARGEST_SIDE
from worker.images.fit.drawing import draw
from worker.images.fit.encoding import Encoded, encode
from worker.images.formats import ImageFormat, Layout, prove_rows
from worker.images.validate import (
    ImageLimits,
    ValidImage,
    parse_to_send,
    parse_within,
    prove,
    validate,
)

_FITTABLE = {
    OutcomeCode.IMAGE_TOO_LARGE,
    OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED,
    OutcomeCode.IMAGE_ANIMATED,
    OutcomeCode.IMAGE_NOT_SQUARE,
}  # why an image is refused that fitting can mend
_KB, _MB = 1_000, 1_000_000


def fit(data: bytes, limits: ImageLimits, how: Fit, focus: Focus = CENTRE) -> ValidImage:
    """`data` as it is if it passes `validate`; else, unless `how` is strict, an image made of it.

    One is also made of what is wider than `limits.fit_size`. What is made passes `validate` too.
    It has no metadata, is never larger than what is in `data`, and never more than 2048 pixels
    wide. Of an animation it is the first frame. A crop keeps what is around `focus`.

    Raises:
        ImageRejected: it cannot be sent, and may not or cannot be changed so that it can.
        MemoryError: this machine lacks memory; the image is not at fault.
    """
    layout, draws = parse_to_fit(data, limits, how)
    if not draws:
        prove(layout)
        return ValidImage(data, layout.format, layout.size[0])
    if layout.format is ImageFormat.PNG:
        prove_rows(layout)  # Pillow accepts a PNG without its last rows
    largest = min(limits.fit_size or LARGEST_SIDE, isqrt(limits.pixel_limit))
    encoded = encode(draw(layout, how, largest, focus), layout.format, limits)
    made = validate(encoded.data, limits)
    return replace(made, fitted=_describe(layout, len(data), encoded, made.side))


def parse_to_fit(data: bytes, limits: ImageLimits, how: Fit) -> tuple[Layout, bool]:
    """Check what is possible without decoding, and whether the image must be drawn anew.

    Raises:
        ImageRejected: as for `fit`.
    """
    try:
        layout = parse_to_send(data, limits)
    except ImageRejected as rejected:
        if how is Fit.STRICT or rejected.code not in _FITTABLE:
            raise
        return parse_within(data, limits.before_fitting), True
    widest = limits.fit_size if how is not Fit.STRICT else None
    return layout, widest is not None and layout.size[0] > widest


def read_limit(limits: ImageLimits, how: Fit) -> int:
    """How many bytes of an image file are worth reading."""
    return (limits if how is Fit.STRICT else limits.before_fitting).byte_limit


def _describe(before: Layout, size: int, after: Encoded, side: int) -> str:
    """What was changed, such as `fitted: 1200×900 → 900×900, 1.4 MB → 412 kB, quality 92`."""  # noqa: RUF002 - as written
    times, arrow = "\N{MULTIPLICATION SIGN}", "\N{RIGHTWARDS ARROW}"
    width, height = before.size
    changes = [
        f"{width}{times}{height} {arrow} {side}{times}{side}",
        f"{show_size(size)} {arrow} {show_size(len(after.data))}",
    ]
    if before.format is not after.format:
        changes.append(f"{before.format.label} {arrow} {after.format.label}")
    if after.quality is not None:
        changes.append(f"quality {after.quality}")
    if before.animated:
        changes.append("first frame only")
    if after.flattened:
        changes.append("transparent parts white")
    return f"fitted: {', '.join(changes)}"


def show_size(size: int) -> str:
    """A number of bytes, such as 512 bytes, 412 kB or 1.4 MB."""
    if size < _KB:
        return f"{size} byte{'s' * (size != 1)}"
    if size < _MB - _KB // 2:
        return f"{size / _KB:.0f} kB"
    return f"{size / _MB:.1f} MB"
