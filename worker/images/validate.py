"""Whether a picture may be sent: bytes in, `ValidImage` or a named rejection out.

Pillow sees a picture last, when format, size and wholeness are established (`image_file/`), and
only to decode it; what it raises stops here. Where the bytes come from is the affair of
`image_store/`; a picture that may not be sent as it is can be changed in `image_fit/`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat, examine, prove_rows, recognise

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageFile import ImageFile

    from worker.images.formats import Layout

__all__ = [
    "OPENERS",
    "ImageFormat",
    "ImageLimits",
    "ValidImage",
    "survey",
    "too_large",
    "validate",
]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may be.

    Attributes:
        byte_limit: its size in bytes must be under this. The endpoint's "under 1MB", the
            smaller of its two readings.
        pixel_limit: width times height; nothing larger is decoded.
        formats: by content, never by name.
        fit_byte_limit: the same as `byte_limit`, for a picture that may be fitted.
        fit_formats: what such a picture may be besides.
    """

    byte_limit: int = 1_000_000
    pixel_limit: int = 40_000_000
    formats: frozenset[ImageFormat] = frozenset({ImageFormat.PNG, ImageFormat.JPEG})
    fit_byte_limit: int = 20_000_000
    fit_formats: frozenset[ImageFormat] = frozenset(ImageFormat)

    @property
    def before_fitting(self) -> ImageLimits:
        """What a picture may be that is to be fitted."""
        return replace(
            self,
            byte_limit=max(self.byte_limit, self.fit_byte_limit),
            formats=self.formats | self.fit_formats,
        )


@dataclass(frozen=True, slots=True)
class ValidImage:
    """A picture that may be sent.

    Attributes:
        data: the file's bytes.
        format: by content.
        side: width and height in pixels.
        fitted: what was changed, in a phrase; empty if it is exactly as it was stored.
    """

    data: bytes
    format: ImageFormat
    side: int
    fitted: str = ""

    @property
    def content_type(self) -> str:
        """The MIME type."""
        return self.format.content_type


def validate(data: bytes, limits: ImageLimits) -> ValidImage:
    """Prove that `data` is one whole, still, square picture within the limits.

    What follows a picture's end, such as the further ones in a phone's multi-picture JPEG, is
    neither looked at nor removed. JPEG and WebP have no checksums: with bytes changed in place
    such a picture can pass, but not when it was cut.

    Raises:
        ImageRejected: it is not; the code and the sentence say why.
        MemoryError: this machine's want, not the picture's fault.
    """
    image_format, layout = survey(data, limits)
    width, height = layout.width, layout.height
    if layout.animated:
        raise ImageRejected(
            OutcomeCode.IMAGE_ANIMATED,
            f"The picture is an animated {image_format.label}; it must be a still one.",
        )
    if width != height:
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_SQUARE,
            f"The picture is {width}\N{MULTIPLICATION SIGN}{height} pixels; "
            "it must be exactly square.",
        )
    if image_format is ImageFormat.PNG:
        prove_rows(layout)
    elif image_format is ImageFormat.JPEG:
        prove = _prove_segments if len(layout.pixels) <= _USUAL else _decode
        prove(layout.pixels, image_format)
    else:
        with _small_ones if width * height <= _SMALL else _large_ones:
            _decode(layout.pixels, image_format)
    return ValidImage(data, image_format, width)


def survey(data: bytes, limits: ImageLimits) -> tuple[ImageFormat, Layout]:
    """Judge all that can be told of `data` before anything is unpacked or decoded.

    Raises:
        ImageRejected: it is no picture of an allowed format, cut off, or beyond the limits.
    """
    if not data:
        raise ImageRejected(OutcomeCode.IMAGE_EMPTY, "The file is empty: it has 0 bytes.")
    if len(data) >= limits.byte_limit:
        raise too_large(len(data), limits.byte_limit)
    image_format = _allowed_format(data, limits)
    layout = examine(data, image_format)
    width, height = layout.width, layout.height
    if width * height > limits.pixel_limit:
        raise ImageRejected(
            OutcomeCode.IMAGE_TOO_MANY_PIXELS,
            f"The picture is {width}\N{MULTIPLICATION SIGN}{height} pixels, "
            f"{width * height:,} in all; at most {limits.pixel_limit:,} are allowed.",
        )
    return image_format, layout


def too_large(size: int, limit: int) -> ImageRejected:
    """The rejection of a file that has `size` bytes and must have fewer than `limit`."""
    return ImageRejected(
        OutcomeCode.IMAGE_TOO_LARGE,
        f"The file has {size:,} bytes; it must have fewer than {limit:,}.",
    )


def _allowed_format(data: bytes, limits: ImageLimits) -> ImageFormat:
    found = recognise(data)
    if found is None:
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_AN_IMAGE,
            "The file is not a picture, whatever its name says: its content is of no known format.",
        )
    if not isinstance(found, ImageFormat) or found not in limits.formats:
        name = found.label if isinstance(found, ImageFormat) else found
        allowed = " or ".join(sorted(each.label for each in limits.formats))
        raise ImageRejected(
            OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED,
            f"The picture's format, by its content, is {name}; it must be {allowed}.",
        )
    return found


OPENERS: dict[ImageFormat, Callable[[BytesIO], ImageFile]] = {
    ImageFormat.JPEG: JpegImageFile,
    ImageFormat.WEBP: WebPImageFile,
    ImageFormat.GIF: GifImageFile,
}
"""What decodes a format: these alone, of all that Pillow has. Here a PNG needs none."""

# Few at a time in a process, for decoding is pure computation, and a WebP of 40 megapixels takes
# up to 610 MB.
_SMALL = 4_000_000  # pixels; takes a tenth of the memory of the largest
_small_ones = threading.BoundedSemaphore(4)
_large_ones = threading.BoundedSemaphore(1)


def _decode(pixels: bytes, image_format: ImageFormat) -> None:
    """Let Pillow decode the picture, to see that it can.

    Not through `Image.open`, whose check against bombs goes through the process-wide `warnings`:
    ours came before.
    """
    try:
        with OPENERS[image_format](BytesIO(pixels)) as picture:
            # In one go: a busy process gets back to Python late, and a turn may be held meanwhile.
            picture.decodermaxblock = len(pixels)
            picture.load()
    except MemoryError:
        raise
    except Exception as error:  # hostile data makes decoders raise nearly anything
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_AN_IMAGE,
            f"The file begins like a {image_format.label} but cannot be decoded.",
        ) from error


_USUAL = 2_000  # bytes of a JPEG's segments; a longer one has tables of its own
_prove_segments = lru_cache(maxsize=256)(_decode)
"""The same, remembered: JPEGs by one encoder of one quality differ in their coded data only."""
