"""Whether a picture may be sent: bytes in, `ValidImage` or a named rejection out.

The only room that knows Pillow. It sees a picture last, when format, size and wholeness are
established (`image_file/`), and only to decode it; what it raises stops here. Where the bytes
come from is the affair of `image_store/`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tasks.record import OutcomeCode
from worker.errors import ImageRejected
from worker.image_file import ImageFormat, examine, prove_rows, recognise

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.ImageFile import ImageFile

__all__ = ["ImageFormat", "ImageLimits", "ValidImage", "validate"]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may be.

    Attributes:
        byte_limit: its size in bytes must be under this. The endpoint's "under 1MB", the
            smaller of its two readings.
        pixel_limit: width times height; nothing larger is decoded.
        formats: by content, never by name.
    """

    byte_limit: int = 1_000_000
    pixel_limit: int = 40_000_000
    formats: frozenset[ImageFormat] = frozenset({ImageFormat.PNG, ImageFormat.JPEG})


@dataclass(frozen=True, slots=True)
class ValidImage:
    """A picture that may be sent, exactly as it was stored.

    Attributes:
        data: the file's bytes.
        format: by content.
        side: width and height in pixels.
    """

    data: bytes
    format: ImageFormat
    side: int

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
    if not data:
        raise ImageRejected(OutcomeCode.IMAGE_EMPTY, "The file is empty: it has 0 bytes.")
    if len(data) >= limits.byte_limit:
        raise ImageRejected(
            OutcomeCode.IMAGE_TOO_LARGE,
            f"The file has {len(data):,} bytes; it must have fewer than {limits.byte_limit:,}.",
        )
    image_format = _allowed_format(data, limits)
    layout = examine(data, image_format)
    width, height = layout.width, layout.height
    dimensions = f"{width}\N{MULTIPLICATION SIGN}{height} pixels"
    if width * height > limits.pixel_limit:
        raise ImageRejected(
            OutcomeCode.IMAGE_TOO_MANY_PIXELS,
            f"The picture is {dimensions}, {width * height:,} in all; "
            f"at most {limits.pixel_limit:,} are allowed.",
        )
    if layout.animated:
        raise ImageRejected(
            OutcomeCode.IMAGE_ANIMATED,
            f"The picture is an animated {image_format.label}; it must be a still one.",
        )
    if width != height:
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_SQUARE,
            f"The picture is {dimensions}; it must be exactly square.",
        )
    if image_format is ImageFormat.PNG:
        prove_rows(layout)
    else:
        _decode(layout.pixels, image_format)
    return ValidImage(data, image_format, width)


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


_OPENERS: dict[ImageFormat, Callable[[BytesIO], ImageFile]] = {
    ImageFormat.JPEG: JpegImageFile,
    ImageFormat.WEBP: WebPImageFile,
    ImageFormat.GIF: GifImageFile,
}
_decoding = threading.Lock()


def _decode(pixels: bytes, image_format: ImageFormat) -> None:
    """Let Pillow decode the picture, to see that it can.

    Not through `Image.open`, whose check against bombs goes through the process-wide `warnings`:
    ours came before. One at a time in a process: it is pure computation, and a progressive JPEG of
    40 megapixels takes up to 320 MB.
    """
    try:
        with _decoding, _OPENERS[image_format](BytesIO(pixels)) as picture:
            picture.draft(None, (1, 1))  # a JPEG: read all, compute an eighth; others ignore it
            picture.load()
    except MemoryError:
        raise
    except Exception as error:  # hostile data makes decoders raise nearly anything
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_AN_IMAGE,
            f"The file begins like a {image_format.label} but cannot be decoded.",
        ) from error
