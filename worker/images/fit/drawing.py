"""From a file to a square picture: decoded, upright, in sRGB, and no larger than is of use."""

from __future__ import annotations

from io import BytesIO
from math import isqrt
from typing import TYPE_CHECKING

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile

from facelift.codes import OutcomeCode
from facelift.job import Fit
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat
from worker.images.validate import OPENERS

if TYPE_CHECKING:
    from worker.images.formats import Essence

# Pixels. More is of no use to a profile picture, and costs time and memory with each try.
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
_WHITE, _CLEAR = "#ffffff", "#ffffff00"


def draw(essence: Essence, image_format: ImageFormat, how: Fit, pixel_limit: int) -> Image.Image:
    """The picture in `essence` as a square; of what moves, the first frame.

    Its mode is L, LA, RGB or RGBA, with the A only if something is transparent.

    Args:
        essence: of a whole file.
        image_format: the file's.
        how: crop or pad.
        pixel_limit: what the square may have at most.

    Raises:
        ImageRejected: it cannot be decoded.
    """
    largest = min(_LARGEST_SIDE, isqrt(pixel_limit))
    try:
        picture = _decode(essence.file, image_format, how, largest)
    except MemoryError:
        raise
    except Exception as error:  # hostile data makes decoders raise nearly anything
        raise ImageRejected(
            OutcomeCode.IMAGE_NOT_AN_IMAGE,
            f"The file begins like a {image_format.label} but cannot be decoded.",
        ) from error
    picture = _to_srgb(picture, essence.profile)
    if essence.orientation in _TURNS:
        picture = picture.transpose(_TURNS[essence.orientation])
    return _pad(picture)  # one that was cropped is square


def _decode(file: bytes, image_format: ImageFormat, how: Fit, largest: int) -> Image.Image:
    """The part of the picture that is kept, reduced, in a mode of `_plain`."""
    picture = _plain(
        _open(file, image_format, how, largest),
        has_16_bits=image_format is ImageFormat.PNG and file[_PNG_DEPTH_AT] == _16_BITS,
    )
    target = _target(picture.size, how, largest)
    if picture.size != target:
        picture = picture.resize(target, Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture.info = {}  # or what is in it would be saved
    return picture


def _open(file: bytes, image_format: ImageFormat, how: Fit, largest: int) -> Image.Image:
    """The part of the picture that is kept. A function of its own, so that the rest is freed.

    Not through `Image.open`, whose check against bombs goes through the process-wide `warnings`:
    ours came before.
    """
    with _OPENERS[image_format](BytesIO(file)) as opened:
        opened.draft(None, _target(opened.size, how, largest))  # only a JPEG decodes reduced
        opened.load()
        return opened.crop(_centre(opened.size)) if how is Fit.CROP else opened


def _target(size: tuple[int, int], how: Fit, largest: int) -> tuple[int, int]:
    """What to reduce a picture of this size to; it is never enlarged."""
    if how is Fit.CROP:
        side = min(*size, largest)
        return side, side
    width, height = size
    long = max(size)
    if long <= largest:
        return size
    return max(1, width * largest // long), max(1, height * largest // long)


def _centre(size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _plain(picture: Image.Image, *, has_16_bits: bool) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA and CMYK."""
    clear = picture.info.get("transparency")  # the colour or the palette's entries that are
    if picture.mode.startswith("I"):
        return _plain_from_16_bits(picture.convert("I"), clear)
    if has_16_bits and isinstance(clear, tuple):
        picture.info["transparency"] = tuple(part >> 8 for part in clear)
    grey = picture.mode in {"1", "L", "LA"}
    if picture.has_transparency_data:
        return _without_useless_alpha(picture.convert("LA" if grey else "RGBA"))
    return picture if picture.mode == "CMYK" else picture.convert("L" if grey else "RGB")


def _plain_from_16_bits(grey: Image.Image, clear: int | None) -> Image.Image:
    """By hand: Pillow would make anything but black of it white."""
    values = range(1 << 16)
    plain = grey.point([value >> 8 for value in values], "L")
    if clear is not None:
        plain.putalpha(grey.point([255 * (value != clear) for value in values], "L"))
        plain = _without_useless_alpha(plain)
    return plain


def _without_useless_alpha(picture: Image.Image) -> Image.Image:
    is_opaque = picture.getchannel("A").getextrema() == (255, 255)
    return picture.convert(picture.mode.removesuffix("A")) if is_opaque else picture


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    alpha = picture.getchannel("A") if picture.mode.endswith("A") else None
    colour = picture.convert(picture.mode.removesuffix("A"))
    if profile:
        try:
            colour = _convert(colour, profile)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S110 - damaged, or of other inks: as none, to browsers too
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
    assert converted is not None  # noqa: S101 - it is only when told to work in place
    converted.info = {}
    return converted


def _pad(picture: Image.Image) -> Image.Image:
    """On a ground that is transparent if something in the picture is, else white."""
    width, height = picture.size
    side = max(picture.size)
    if width == height:
        return picture
    square = Image.new(picture.mode, (side, side), _CLEAR if picture.mode.endswith("A") else _WHITE)
    square.paste(picture, ((side - width) // 2, (side - height) // 2))
    return square
