"""Estimate what an image costs before it is decoded: its memory, and whether that takes long."""

from dataclasses import dataclass

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat, Layout

# `tests/unit/test_image_memory.py` measures that no image takes more than is estimated here.
_BASE = 40_000_000  # bytes: to scale and encode what is drawn
_PER_PIXEL = {ImageFormat.PNG: 4, ImageFormat.GIF: 2, ImageFormat.JPEG: 4, ImageFormat.WEBP: 16}
_PER_SIDE = 12  # bytes, of a PNG that is thin: what its decoder keeps for each row or column
_DRAWN_JPEG = 4 * 4 * 2048 * 2048  # bytes at most: it is decoded to less than twice the largest
_PER_SAMPLE = 2  # bytes, of a JPEG of several passes
_SEVERAL, _BITS = 2, 8

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


def cost_of(layout: Layout, size: int, *, draws: bool) -> Cost:
    """Estimate the cost of an image whose file has `size` bytes.

    Args:
        layout: of the file.
        size: of the file.
        draws: whether it is drawn anew, or only proven to be whole.
    """
    count = pixels(layout)
    memory = _BASE + 2 * size
    if draws or layout.format not in {ImageFormat.PNG, ImageFormat.JPEG}:
        decoded = _PER_PIXEL[layout.format] * count
        if layout.format is ImageFormat.PNG:
            if layout.bits > _BITS and layout.colours.is_hdr:
                decoded *= 2  # decoded by halves, see `fit/plain.py`
            decoded += _PER_SIDE * sum(layout.stored_size)
        elif layout.format is ImageFormat.JPEG:
            decoded = min(decoded, _DRAWN_JPEG)
            if layout.passes >= _SEVERAL:
                decoded += _PER_SAMPLE * layout.samples
        memory += decoded
    return Cost(memory, memory > _LIGHT or count * layout.passes > _QUICK)


def pixels(layout: Layout) -> int:
    """Width times height."""
    width, height = layout.stored_size
    return width * height
