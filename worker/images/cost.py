"""Estimate what an image costs before it is decoded: its memory, and whether that takes long."""

from dataclasses import dataclass

from facelift.codes import OutcomeCode
from facelift.fit import Fit
from worker.errors import ImageRejected
from worker.images.formats import FIT_ONLY, ImageFormat, Layout

# `tests/unit/test_image_memory.py` measures that no image takes more than is estimated here.
_BASE = 10_000_000  # bytes
_PROOF = 30_000_000  # bytes beside
_PER_PIXEL = {
    ImageFormat.PNG: 4,
    ImageFormat.GIF: 2,
    ImageFormat.JPEG: 4,
    ImageFormat.WEBP: 16,
    ImageFormat.AVIF: 12,
    ImageFormat.HEIC: 12,
}
_PER_SIDE = 12  # bytes, of a PNG that is thin: what its decoder keeps for each row or column
_PER_SAMPLE = 2  # bytes, of a JPEG of several passes
_SEVERAL, _BITS = 2, 8
_LIBRARY = 30_000_000  # bytes of addresses, of one that is loaded only when it is needed
_REDUCTIONS = (8, 4, 2)  # that a JPEG is decoded with

LARGEST_SIDE = 2048
"""Pixels of what is drawn. More is of no use to a profile picture, and costs time and memory."""

_PER_DRAWN = 4  # bytes
_COPIES = 4  # of what is drawn, while it gets a palette
_BAND, _SUPPORT = 1_000_000, 3  # pixels that are drawn at a time, see there too
_PER_BANDED = 8  # bytes
_CONVERSION = 20_000_000  # bytes: light in floating point, see `fit/colour/conversion.py`

_LIGHT = 100_000_000  # bytes: an ordinary photo of 12 megapixels is below
_QUICK = 200_000_000  # pixels times passes: half a second to some seconds
_CHEAP = 2048 * 2048  # pixels
_FEW_SEGMENTS = 64_000  # bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """What decoding and drawing an image takes.

    Attributes:
        memory: bytes at most.
        is_heavy: whether it takes so much memory or time that others should pass it.
    """

    memory: int
    is_heavy: bool

    def check(self, limit: int) -> None:
        """Refuse an image that takes more than `limit` bytes.

        Raises:
            ImageRejected: it does.
        """
        if self.memory > limit:
            raise ImageRejected(
                OutcomeCode.IMAGE_TOO_COSTLY,
                f"To decode the image takes about {self.memory // 1_000_000} MB of memory; "
                f"at most {limit // 1_000_000} MB are allowed.",
            )


def is_cheap_to_prove(layout: Layout) -> bool:
    """Whether `prove` takes some milliseconds and no memory, so that no child is worth it."""
    if layout.format is ImageFormat.JPEG:
        return len(layout.proof) <= _FEW_SEGMENTS
    return layout.format is ImageFormat.PNG and pixels(layout) <= _CHEAP


def cost_of(layout: Layout, size: int, how: Fit, largest: int = LARGEST_SIDE) -> Cost:
    """Estimate the cost of an image whose file has `size` bytes.

    Args:
        layout: of the file.
        size: of the file.
        how: how it is drawn anew; strict if it is only proven to be whole.
        largest: pixels that what is drawn may be wide.
    """
    count = pixels(layout)
    memory = _BASE + 2 * size
    if how is not Fit.STRICT:
        memory += _drawing(layout, how, largest)
    else:
        is_decoded = layout.format not in {ImageFormat.PNG, ImageFormat.JPEG}
        memory += _PROOF + is_decoded * _PER_PIXEL[layout.format] * count
    return Cost(memory, memory > _LIGHT or count * layout.passes > _QUICK)


def _drawing(layout: Layout, how: Fit, largest: int) -> int:
    """Bytes to decode and reduce an image, or to encode what was made of it: the larger."""
    width, height = layout.stored_size
    kept = min(width, height) if how is Fit.CROP else max(width, height)
    side = min(kept, largest)
    scale = kept / side
    decoded = _PER_PIXEL[layout.format] * width * height
    if layout.format in FIT_ONLY:
        deep = 1 + 0.5 * (layout.bits > _BITS)
        decoded = int(deep * _PER_PIXEL[layout.format] * layout.samples) + _LIBRARY
    if layout.format is ImageFormat.PNG:
        if layout.bits > _BITS and layout.colours.is_hdr:
            decoded *= 2  # decoded by halves, see `fit/plain.py`
        decoded += _PER_SIDE * (width + height)
    elif layout.format is ImageFormat.JPEG:
        finest = kept / min(2 * side, LARGEST_SIDE)  # it is not reduced below
        reduction = next((each for each in _REDUCTIONS if each <= finest), 1)
        decoded //= reduction**2
        width, height, scale = width // reduction, height // reduction, scale / reduction
        if layout.passes >= _SEVERAL:
            decoded += _PER_SAMPLE * layout.samples
    if how is Fit.CROP:
        width = height = min(width, height)
    margin = _SUPPORT * scale + 2
    band = min(width * height, max(_BAND, width * (margin + scale)) + 2 * width * margin)
    drawn = _PER_DRAWN * side**2
    drawing = decoded + drawn + _PER_BANDED * band + _CONVERSION * _may_be_converted(layout)
    return int(max(drawing, _COPIES * drawn))


def _may_be_converted(layout: Layout) -> bool:
    """Whether its colours may be told otherwise than by a plain profile."""
    told = layout.colours.coded is not None or layout.colours.gamma is not None
    is_packed = layout.format is ImageFormat.PNG and bool(layout.profile)
    return told or is_packed or b"cicp" in layout.profile


def pixels(layout: Layout) -> int:
    """Width times height."""
    width, height = layout.stored_size
    return width * height
