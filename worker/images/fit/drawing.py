"""Draw a file as a square image: decoded, upright, in sRGB, and no larger than is of use."""

from io import BytesIO
from math import ceil, isqrt

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile

from facelift.job import Fit
from worker.images.fit.profile import LARGEST_PROFILE, bounded_profile
from worker.images.formats import ImageFormat, Layout, unpack_profile
from worker.images.validate import OPENERS, decoding

# Pixels. More is of no use to a profile picture, and costs time and memory with each attempt.
_LARGEST_SIDE = 2048

_OPENERS = {**OPENERS, ImageFormat.PNG: PngImageFile}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_DEPTH_AT, _16_BITS = 24, 16
_SUPPORT = 3  # pixels of the result that a pixel of it draws upon, on each side
_BAND = 1_000_000  # pixels that are converted at a time
_WHITE, _CLEAR = "#ffffff", "#ffffff00"


def draw(layout: Layout, how: Fit, pixel_limit: int) -> Image.Image:
    """The image in a whole file as a square; of an animation, the first frame.

    Its mode is L, LA, RGB or RGBA, with the A only if something is transparent.

    Args:
        layout: of the file.
        how: crop or pad.
        pixel_limit: what the square may have at most.

    Raises:
        ImageRejected: it cannot be decoded.
    """
    largest = min(_LARGEST_SIDE, isqrt(pixel_limit))
    is_png = layout.format is ImageFormat.PNG
    with decoding(layout.format):
        image = _decode(layout, how, largest)
    profile = unpack_profile(layout.profile, LARGEST_PROFILE) if is_png else layout.profile
    image = _to_srgb(image, bounded_profile(profile))
    if layout.orientation in _TURNS:
        image = image.transpose(_TURNS[layout.orientation])
    return _pad(image)  # one that was cropped is square


def _decode(layout: Layout, how: Fit, largest: int) -> Image.Image:
    """The part of the image that is kept, reduced, in a mode of `_plain`."""
    file = b"".join(layout.drawn)
    has_16_bits = layout.format is ImageFormat.PNG and file[_PNG_DEPTH_AT] == _16_BITS
    with _OPENERS[layout.format](BytesIO(file)) as opened:
        opened.draft(None, _target(opened.size, how, largest))  # only a JPEG decodes reduced
        opened.load()
        target = _target(opened.size, how, largest)
        image = _reduce(opened, _kept(opened.size, how), target, has_16_bits=has_16_bits)
    image.info = {}  # or what is in it would be saved
    return _without_useless_alpha(image) if image.mode.endswith("A") else image


def _reduce(
    whole: Image.Image, kept: tuple[int, int, int, int], target: tuple[int, int], **options: bool
) -> Image.Image:
    """The part `kept` of the image, in the size `target`.

    Made of bands, so that only the image itself is in memory as a whole, in its own mode.
    """
    left, top, right, bottom = kept
    width, height = right - left, bottom - top
    scale = height / target[1]
    margin = ceil(_SUPPORT * scale) + 1  # what a row draws upon, above and below itself
    rows = max(1, int(_BAND / max(1, width) / scale), int(margin / scale))
    made = None
    for first in range(0, target[1], rows):
        last = min(first + rows, target[1])
        start, end = first * scale, last * scale
        above, below = max(0, int(start) - margin), min(height, ceil(end) + margin)
        band = _plain(whole.crop((left, top + above, right, top + below)), **options)
        part = _resize(band, (target[0], last - first), (0, start - above, width, end - above))
        made = made or Image.new(part.mode, target)
        made.paste(part, (0, first))
    assert made is not None  # noqa: S101 - a target has a row
    return made


def _resize(
    band: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
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


def _kept(size: tuple[int, int], how: Fit) -> tuple[int, int, int, int]:
    """The part that is kept: to crop, the square in the centre."""
    width, height = size
    if how is not Fit.CROP:
        return 0, 0, width, height
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _plain(image: Image.Image, *, has_16_bits: bool) -> Image.Image:
    """The image in mode L, LA, RGB, RGBA or CMYK."""
    clear = image.info.get("transparency")  # the transparent colour or palette entries
    if image.mode.startswith("I"):
        return _plain_from_16_bits(image.convert("I"), clear)
    if has_16_bits and isinstance(clear, tuple):
        image.info["transparency"] = tuple(part >> 8 for part in clear)
    grey = image.mode in {"1", "L", "LA"}
    if image.has_transparency_data:
        return image.convert("LA" if grey else "RGBA")
    return image if image.mode == "CMYK" else image.convert("L" if grey else "RGB")


def _plain_from_16_bits(grey: Image.Image, clear: int | None) -> Image.Image:
    """Convert by hand: Pillow would make everything but black white."""
    values = range(1 << 16)
    plain = grey.point([value >> 8 for value in values], "L")
    if clear is not None:
        plain.putalpha(grey.point([255 * (value != clear) for value in values], "L"))
    return plain


def _without_useless_alpha(image: Image.Image) -> Image.Image:
    is_opaque = image.getchannel("A").getextrema() == (255, 255)
    return image.convert(image.mode.removesuffix("A")) if is_opaque else image


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    alpha = image.getchannel("A") if image.mode.endswith("A") else None
    colour = image.convert(image.mode.removesuffix("A"))
    if profile:
        try:
            colour = _convert(colour, profile)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S110 - a damaged or unfitting profile is ignored, as in browsers
            pass
    if colour.mode == "CMYK":
        colour = colour.convert("RGB")
    if alpha:
        colour.putalpha(alpha)
    return colour


def _convert(colour: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    converted = ImageCms.profileToProfile(colour, source, target, outputMode="RGB")
    assert converted is not None  # noqa: S101 - it is None only in place
    converted.info = {}
    return converted


def _pad(image: Image.Image) -> Image.Image:
    """Pad on a transparent background if something in the image is transparent, else on white."""
    width, height = image.size
    side = max(image.size)
    if width == height:
        return image
    square = Image.new(image.mode, (side, side), _CLEAR if image.mode.endswith("A") else _WHITE)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square
