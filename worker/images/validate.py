"""Validate an image: bytes in, `ValidImage` or a named rejection out.

Pillow sees an image last, when format, size and wholeness are established (`formats/`), and only
to decode it; what it raises stops here. Where the bytes come from is a matter of the stores; an
image that may not be sent as it is can be changed in `fit/`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.images.formats import FIT_ONLY, ImageFormat, Layout, parse, prove_rows, recognise
from worker.images.openers import OPENERS, what_is_missing


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image may be.

    Attributes:
        byte_limit: its size in bytes must be under this. The endpoint's "under 1MB", the
            smaller of its two readings.
        pixel_limit: width times height; nothing larger is decoded.
        formats: by content, never by name.
        fit_byte_limit: the same as `byte_limit`, for an image that may be fitted.
        fit_formats: what such an image may be besides.
        fit_size: how wide in pixels such an image may be, else it is reduced to that; None for
            as wide as what can be sent.
    """

    byte_limit: int = 1_000_000
    pixel_limit: int = 40_000_000
    formats: frozenset[ImageFormat] = frozenset({ImageFormat.PNG, ImageFormat.JPEG})
    fit_byte_limit: int = 20_000_000
    fit_formats: frozenset[ImageFormat] = frozenset(ImageFormat)
    fit_size: int | None = None

    @property
    def before_fitting(self) -> "ImageLimits":
        """What an image may be that is to be fitted."""
        return replace(
            self,
            byte_limit=max(self.byte_limit, self.fit_byte_limit),
            formats=self.formats | self.fit_formats,
        )


@dataclass(frozen=True, slots=True)
class ValidImage:
    """An image that may be sent.

    Attributes:
        data: the file's bytes.
        format: by content.
        side: width and height in pixels.
        fitted: what was changed, be it metadata only, in a phrase; empty if nothing was.
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
    """Prove that `data` is one whole, still, square image within the limits.

    What follows an image's end, such as the further ones in a phone's multi-picture JPEG, is
    neither examined nor removed. JPEG and WebP have no checksums: such an image can pass when
    bytes in it were changed in place, but not when it was cut.

    Raises:
        ImageRejected: it is not; the code and the sentence say why.
        MemoryError: this machine lacks memory; the image is not at fault.
    """
    layout = parse_to_send(data, limits)
    prove(layout)
    return ValidImage(data, layout.format, layout.size[0])


def parse_to_send(data: bytes, limits: ImageLimits) -> Layout:
    """Check all that `validate` does, as far as that is possible without decoding.

    Raises:
        ImageRejected: as for `validate`.
    """
    layout = parse_within(data, limits)
    width, height = layout.size
    if layout.format in FIT_ONLY:
        raise _not_allowed(layout.format, limits)
    if layout.animated:
        raise ImageRejected(
            OutcomeCode.IMAGE_ANIMATED,
            f"The image is an animated {layout.format.label}; it must be a still one.",
        )
    if width != height:
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_SQUARE,
            f"The image is {width}\N{MULTIPLICATION SIGN}{height} pixels; "
            "it must be exactly square.",
        )
    return layout


def prove(layout: Layout) -> None:
    """Prove that the image can be decoded: unpack a PNG's rows, or have Pillow decode the rest.

    Raises:
        ImageRejected: it cannot be.
        MemoryError: this machine lacks memory; the image is not at fault.
    """
    if layout.format is ImageFormat.PNG:
        prove_rows(layout)
    elif layout.format is ImageFormat.JPEG and len(layout.proof) <= _USUAL:
        _prove_segments(layout.proof, layout.format)
    else:
        _decode(layout.proof, layout.format)


def parse_within(data: bytes, limits: ImageLimits) -> Layout:
    """Check `data` against the limits as far as that is possible without decoding it.

    Raises:
        ImageRejected: it is no image of an allowed format, cut off, or beyond the limits.
    """
    if not data:
        raise ImageRejected(OutcomeCode.IMAGE_EMPTY, "The file is empty: it has 0 bytes.")
    if len(data) >= limits.byte_limit:
        raise too_large(len(data), limits.byte_limit)
    layout = parse(data, _allowed_format(data, limits))
    width, height = layout.stored_size
    count = layout.samples if layout.format in FIT_ONLY else width * height
    if count > limits.pixel_limit:
        width, height = layout.size
        raise ImageRejected(
            OutcomeCode.IMAGE_TOO_MANY_PIXELS,
            f"The image is {width}\N{MULTIPLICATION SIGN}{height} pixels, "
            f"{count:,} in all; at most {limits.pixel_limit:,} are allowed.",
        )
    return layout


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
            "The file is not an image, whatever its name says: its content is of no known format.",
        )
    if not isinstance(found, ImageFormat) or found not in limits.formats:
        raise _not_allowed(found, limits)
    if missing := what_is_missing(found):
        raise ImageRejected(
            OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED,
            f"The image's format, by its content, is {found.label}; to fit it, this worker needs "
            f"{missing}.",
        )
    return found


def _not_allowed(found: ImageFormat | str, limits: ImageLimits) -> ImageRejected:
    name = found.label if isinstance(found, ImageFormat) else found
    allowed = " or ".join(sorted(each.label for each in limits.formats - FIT_ONLY))
    return ImageRejected(
        OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED,
        f"The image's format, by its content, is {name}; it must be {allowed}.",
    )


@contextmanager
def decoding(image_format: ImageFormat) -> Iterator[None]:
    """Turn whatever a decoder raises over a hostile file, which can be anything, into a rejection.

    Raises:
        ImageRejected: the file cannot be decoded.
        MemoryError: as it was raised.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_AN_IMAGE,
            f"The file begins like a {image_format.label} but cannot be decoded.",
        ) from error


def _decode(proof: bytes, image_format: ImageFormat) -> None:
    """Have Pillow decode the image, to see that it can."""
    with decoding(image_format), OPENERS[image_format](BytesIO(proof)) as image:
        # In one go: each return to Python can wait for the interpreter lock.
        image.decodermaxblock = len(proof)
        image.load()


_USUAL = 2_000  # bytes of a JPEG's segments; a longer one has tables of its own
_prove_segments = lru_cache(maxsize=256)(_decode)
"""The same, cached: JPEGs by one encoder of one quality differ in their coded data only."""
