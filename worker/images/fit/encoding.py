"""Encode a square image as the best file under the limit.

A JPEG stays one; anything else becomes a PNG, without any loss, if that is small enough, and a
JPEG if not. A transparent image becomes a PNG, of fewer pixels if need be. WebP and GIF are made
only if the settings allow neither PNG nor JPEG, because the endpoint may not accept them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

from PIL import Image, ImageChops

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits

_QUALITIES = range(75, 96)  # below, the loss is visible; above, files only get larger
_ALL_COLOURS = 90  # from this quality on, a JPEG's colours have its full resolution
_SMALLER = 0.9  # each next side to attempt, as a share of the one before
_SMALLEST_SIDE = 64  # pixels; an image that does not fit even so is refused
_PALETTE = 256


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file that fits.

    Attributes:
        data: its bytes.
        format: of the file.
        quality: of a JPEG or WebP, 0 to 100; None if nothing was lost.
        flattened: whether what was transparent has become white.
    """

    data: bytes
    format: ImageFormat
    quality: int | None
    flattened: bool = False


def encode(square: Image.Image, source: ImageFormat, limits: ImageLimits) -> Encoded:
    """Search for the largest image, and for that the best quality, that is under the limit.

    Args:
        square: in mode L, LA, RGB or RGBA; the A only if something is transparent.
        source: the format of the file it came from.
        limits: for what comes out.

    Raises:
        ImageRejected: it would have to be tiny.
    """
    allowed = limits.formats
    flattened = square.mode.endswith("A") and allowed.isdisjoint(_WITH_ALPHA)
    if flattened:
        square = _flatten(square)
    sides = _sides(square.width)
    preferred = _WITH_ALPHA if square.mode.endswith("A") else _OPAQUE
    image_format = next(each for each in preferred if each in allowed)
    if image_format in _LOSSY and source is not ImageFormat.JPEG and ImageFormat.PNG in allowed:
        data = _save(square, ImageFormat.PNG, limits.byte_limit)
        if data:
            return Encoded(data, ImageFormat.PNG, None, flattened)
    found = _search(square, image_format, sides, limits.byte_limit)
    if found is None:
        raise ImageRejected(
            OutcomeCode.IMAGE_TOO_LARGE,
            f"The image cannot be fitted: even {sides[0]} pixels wide, a {image_format.label} of "
            f"it does not have fewer than {limits.byte_limit:,} bytes.",
        )
    data, quality = found
    return Encoded(data, image_format, quality, flattened)


_WITH_ALPHA = (ImageFormat.PNG, ImageFormat.WEBP)
_OPAQUE = (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.PNG, ImageFormat.GIF)
_LOSSY = {ImageFormat.JPEG, ImageFormat.WEBP}


def _search(
    square: Image.Image, image_format: ImageFormat, sides: Sequence[int], limit: int
) -> tuple[bytes, int | None] | None:
    """The file and its quality; None if even the smallest is too large."""
    lossy = image_format in _LOSSY
    lowest, best = (_QUALITIES[0], _QUALITIES[-1]) if lossy else (None, None)
    if lossy and (data := _save(square, image_format, limit, best)):
        return data, best
    fits = _largest(sides, lambda side: _save(_resize(square, side), image_format, limit, lowest))
    if fits is None or not lossy:
        return fits and (fits[1], None)
    smaller = _resize(square, fits[0])
    found = _largest(_QUALITIES, lambda quality: _save(smaller, image_format, limit, quality))
    return (found[1], found[0]) if found else (fits[1], lowest)


def _largest(
    ladder: Sequence[int], attempt: Callable[[int], bytes | None]
) -> tuple[int, bytes] | None:
    """The highest step at which the attempt succeeds, and its result, by bisection."""
    found = None
    low, high = 0, len(ladder)
    middle = high - 1
    while low < high:
        data = attempt(ladder[middle])
        if data:
            found = ladder[middle], data
            low = middle + 1
        else:
            high = middle
        middle = (low + high) // 2
    return found


def _sides(own: int) -> list[int]:
    """The sides to reduce an image to, ascending, up to its own."""
    sides = [own]
    while (smaller := int(sides[-1] * _SMALLER)) >= _SMALLEST_SIDE:
        sides.append(smaller)
    return sides[::-1]


def _resize(square: Image.Image, side: int) -> Image.Image:
    if side == square.width:
        return square
    return square.resize((side, side), Image.Resampling.LANCZOS)


def _flatten(square: Image.Image) -> Image.Image:
    mode = square.mode.removesuffix("A")
    ground = Image.new(mode, square.size, "white")
    ground.paste(square.convert(mode), mask=square.getchannel("A"))
    return ground


class _Full(Exception):  # noqa: N818 - no error: it ends an encoder's work early
    """The file has reached the limit."""


class _Sink(BytesIO):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever has bytes
        if self.tell() + len(data) >= self._limit:
            raise _Full
        return super().write(data)


def _save(
    image: Image.Image, image_format: ImageFormat, limit: int, quality: int | None = None
) -> bytes | None:
    """The image's file; None if it would not have fewer bytes than `limit`."""
    options: dict[str, Any] = {}
    match image_format:
        case ImageFormat.PNG:
            image = _in_palette(image)
        case ImageFormat.JPEG:
            # Not `optimize`, for which Pillow's buffer is too small if the image is noise.
            options["subsampling"] = "4:4:4" if (quality or 0) >= _ALL_COLOURS else "4:2:0"
    if quality is not None:
        options["quality"] = quality
    sink = _Sink(limit)
    try:
        image.save(sink, image_format.upper(), **options)
    except _Full:
        return None
    return sink.getvalue()


def _in_palette(image: Image.Image) -> Image.Image:
    """The same image with a palette, which makes a smaller PNG, if it has few colours."""
    colours = image.getcolors(_PALETTE) if image.mode == "RGB" else None
    if colours is None:
        return image
    palette = Image.new("P", (1, 1))
    palette.putpalette(b"".join(bytes(cast("tuple[int, ...]", colour)) for _, colour in colours))
    quantised = image.quantize(palette=palette, dither=Image.Dither.NONE)
    # Pillow merges colours that are very close.
    is_same = ImageChops.difference(quantised.convert("RGB"), image).getbbox() is None
    return quantised if is_same else image
