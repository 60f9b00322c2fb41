"""Draw a file as a square image: decoded, upright, in sRGB, and no larger than is of use."""

from io import BytesIO
from math import ceil, floor

from PIL import Image

from facelift.fit import CENTRE, Fit, Focus
from worker.images.cost import LARGEST_SIDE
from worker.images.fit.colour import Conversion, colour_source, convert_by_profile
from worker.images.fit.plain import Box, Plain
from worker.images.formats import Layout
from worker.images.openers import OPENERS
from worker.images.validate import decoding

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_THEIR_SIDE = {5, 6, 7, 8}  # orientations that exchange width and height
_SUPPORT = 3  # pixels of the result that a pixel of it draws upon, on each side
_BAND = 1_000_000  # pixels that are converted at a time
_WHITE, _CLEAR = "#ffffff", "#ffffff00"

Region = tuple[float, float, float, float]


def draw(layout: Layout, how: Fit, largest: int, focus: Focus = CENTRE) -> Image.Image:
    """The image in a whole file as a square; of an animation, the first frame.

    Its mode is L, LA, RGB or RGBA, with the A only if something is transparent.

    Args:
        layout: of the file.
        how: crop or pad.
        largest: how wide the square may be.
        focus: what a crop keeps, in the upright image.

    Raises:
        ImageRejected: it cannot be decoded.
    """
    conversion, profile = colour_source(layout)
    with decoding(layout.format):
        image = _decode(layout, conversion, how, largest, focus)
    image = _to_srgb(image, profile)
    if layout.orientation in _TURNS:
        image = image.transpose(_TURNS[layout.orientation])
    return _pad(image)  # one that was cropped is square


def _decode(
    layout: Layout, conversion: Conversion | None, how: Fit, largest: int, focus: Focus
) -> Image.Image:
    """The part of the image that is kept, reduced, in a mode of `Plain`."""
    with OPENERS[layout.format](BytesIO(b"".join(layout.drawn))) as opened:
        size = opened.size
        # Only a JPEG decodes reduced: to twice the target, so that the filter still has a say.
        drafted = opened.draft(None, _target(size, how, min(2 * largest, LARGEST_SIDE)))
        opened.load()
        scale = size[0] / drafted[1][2] if drafted else 1
        left, top, right, bottom = _kept(size, how, _stored(focus, layout.orientation))
        kept = (left / scale, top / scale, right / scale, bottom / scale)
        image = _reduce(Plain(opened, layout, conversion), kept, _target(size, how, largest))
    image.info = {}  # or what is in it would be saved
    return _without_useless_alpha(image) if image.mode.endswith("A") else image


def _reduce(whole: Plain, kept: Region, target: tuple[int, int]) -> Image.Image:
    """The part `kept` of the image, in the size `target`.

    Made of bands, so that only the image itself is in memory as a whole, in its own mode.
    """
    left, top, right, bottom = kept
    first_column, last_column = floor(left), ceil(right)
    scale = (bottom - top) / target[1]
    margin = ceil(_SUPPORT * scale) + 1  # what a row draws upon, above and below itself
    rows = max(1, int(_BAND / (right - left) / scale), int(margin / scale))
    made = None
    for first in range(0, target[1], rows):
        last = min(first + rows, target[1])
        start, end = top + first * scale, top + last * scale
        above, below = max(floor(top), int(start) - margin), min(ceil(bottom), ceil(end) + margin)
        band = whole.part((first_column, above, last_column, below))
        box = (left - first_column, start - above, right - first_column, end - above)
        part = _resize(band, (target[0], last - first), box)
        made = made or Image.new(part.mode, target)
        made.paste(part, (0, first))
    assert made is not None  # noqa: S101 - a target has a row
    return made


def _resize(band: Image.Image, size: tuple[int, int], box: Region) -> Image.Image:
    if box == (0, 0, *size) and band.size == size:
        return band
    mode = band.mode
    if mode.endswith("A"):  # Pillow would do the same, but with tables as large as the image
        band = band.convert(mode.replace("A", "a"))
    band = band.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return band.convert(mode)


def _target(size: tuple[int, int], how: Fit, largest: int) -> tuple[int, int]:
    """What to reduce an image of this size to; it is never enlarged."""
    if how is Fit.CROP:
        side = min(*size, largest)
        return side, side
    width, height = size
    long = max(size)
    if long <= largest:
        return size
    return max(1, width * largest // long), max(1, height * largest // long)


def _stored(focus: Focus, orientation: int) -> Focus:
    """Where a point of the upright image is in the stored one."""
    x, y = focus
    if orientation in _ON_THEIR_SIDE:
        x, y = y, x
    return 1 - x if orientation in {2, 3, 7, 8} else x, 1 - y if orientation in {3, 4, 6, 7} else y


def _kept(size: tuple[int, int], how: Fit, focus: Focus) -> Box:
    """The part that is kept: to crop, the square whose middle is nearest to the focus."""
    width, height = size
    if how is not Fit.CROP:
        return 0, 0, width, height
    side = min(size)
    left, top = (
        min(max(0, floor(part * length - side / 2)), length - side)
        for part, length in zip(focus, size, strict=True)
    )
    return left, top, left + side, top + side


def _without_useless_alpha(image: Image.Image) -> Image.Image:
    is_opaque = image.getchannel("A").getextrema() == (255, 255)
    return image.convert(image.mode.removesuffix("A")) if is_opaque else image


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    alpha = image.getchannel("A") if image.mode.endswith("A") else None
    colour = image.convert(image.mode.removesuffix("A"))
    if profile:
        colour = convert_by_profile(colour, profile)
    if colour.mode == "CMYK":
        colour = colour.convert("RGB")
    if alpha:
        colour.putalpha(alpha)
    return colour


def _pad(image: Image.Image) -> Image.Image:
    """Pad on a transparent background if something in the image is transparent, else on white."""
    width, height = image.size
    side = max(image.size)
    if width == height:
        return image
    square = Image.new(image.mode, (side, side), _CLEAR if image.mode.endswith("A") else _WHITE)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square
