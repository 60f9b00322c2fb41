"""Bring parts of a decoded file to a mode that can be drawn with, and to sRGB as it says."""

from collections.abc import Sequence
from functools import cached_property
from io import BytesIO

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from worker.images.fit.colour import Conversion
from worker.images.formats import ImageFormat, Layout

_SLICE = 500_000  # pixels
_DEEP = 16  # bits of a sample
_LOWER = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}  # by the names of how Pillow reads them

Box = tuple[int, int, int, int]


class Plain:
    """A decoded file, of which parts are asked for in mode L, LA, RGB, RGBA or CMYK.

    Args:
        whole: the file, decoded.
        layout: of the file.
        conversion: of its colours, if any.
    """

    def __init__(self, whole: ImageFile, layout: Layout, conversion: Conversion | None) -> None:
        self._whole = whole
        self._conversion = conversion
        self._is_deep = layout.format is ImageFormat.PNG and layout.bits == _DEEP
        # Browsers reduce all but HDR to 8 bits before they convert its colours.
        self._is_fine = bool(self._is_deep and conversion and conversion.tones)
        self._lower = _lower_halves(layout) if self._is_fine else None

    @cached_property
    def _greys(self) -> Sequence[int]:
        """What becomes of each value of grey."""
        count = 1 << (16 if self._is_fine else 8)
        return self._conversion.grey_table(count) if self._conversion else range(count)

    def part(self, box: Box) -> Image.Image:
        """What is in the box: left, top, right and bottom.

        Made of slices, since what happens to their colours takes several times their memory.
        """
        left, top, right, bottom = box
        rows = max(1, _SLICE // (right - left))
        if rows >= bottom - top:
            return self._slice(box)
        made = None
        for first in range(top, bottom, rows):
            part = self._slice((left, first, right, min(first + rows, bottom)))
            made = made or Image.new(part.mode, (right - left, bottom - top))
            made.paste(part, (0, first - top))
        assert made is not None  # noqa: S101 - a box has a row
        return made

    def _slice(self, box: Box) -> Image.Image:
        image = self._whole.crop(box)
        if image.mode.startswith("I"):
            return self._from_16_bits(image.convert("I"))
        clear = image.info.get("transparency")  # the transparent colour or palette entries
        if self._is_deep and isinstance(clear, tuple):
            image.info["transparency"] = tuple(part >> 8 for part in clear)
        grey = image.mode in {"1", "L", "LA"}
        if image.has_transparency_data:
            image = _converted(image, "LA" if grey else "RGBA")
        elif image.mode != "CMYK":
            image = _converted(image, "L" if grey else "RGB")
        return self._to_srgb(image, box)

    def _from_16_bits(self, grey: Image.Image) -> Image.Image:
        """Convert by hand: Pillow would make everything but black white."""
        values = range(1 << 16)
        greys = self._greys
        plain = grey.point(greys if self._is_fine else [greys[value >> 8] for value in values], "L")
        clear = self._whole.info.get("transparency")
        if clear is not None:
            plain.putalpha(grey.point([255 * (value != clear) for value in values], "L"))
        return plain

    def _to_srgb(self, image: Image.Image, box: Box) -> Image.Image:
        if self._conversion is None or image.mode == "CMYK":
            return image
        alpha = image.getchannel("A") if image.mode.endswith("A") else None
        if image.mode.startswith("L"):
            colour = image.getchannel("L").point(self._greys[:: 257 if self._is_fine else 1])
        else:
            lower = self._lower and _converted(self._lower.crop(box), "RGB")
            colour = self._conversion.convert(_converted(image, "RGB"), lower)
        if alpha:
            colour.putalpha(alpha)
        return colour


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """The image in that mode; Pillow would copy one that is."""
    return image if image.mode == mode else image.convert(mode)


def _lower_halves(layout: Layout) -> Image.Image | None:
    """The lower halves of 16-bit colours, of which Pillow reads the upper ones."""
    with PngImageFile(BytesIO(b"".join(layout.drawn))) as opened:
        tiles = [tile._replace(args=_LOWER.get(str(tile.args))) for tile in opened.tile]
        if not all(tile.args for tile in tiles):
            return None
        opened.tile = tiles
        opened.load()
        return opened
