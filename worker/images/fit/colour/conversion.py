"""Convert pixels to sRGB from the primaries and the transfer function they were encoded with.

Light is computed with in floating point: a colour engine would need a profile made for each case,
cannot map HDR, and reads no more than 8 bits a sample.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

from PIL import Image, ImageMath

from worker.images.fit.colour.primaries import BT2020, SRGB, Primaries
from worker.images.fit.colour.tones import ToneMap
from worker.images.fit.colour.transfer import Transfer, encode_srgb

_FINEST, _STEPS = 65_535, 256
_TILE = 1 << 16  # pixels whose light is in memory at once
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Conversion:
    """To sRGB; what sRGB cannot show is cut off.

    Attributes:
        primaries: of the pixels.
        decode: from their values to light, of which 1 is white.
        tones: of HDR, how to map its brightness.
        gamma: what a screen does to the light of the scene, as in HLG.
    """

    primaries: Primaries
    decode: Transfer
    tones: ToneMap | None = None
    gamma: float = 1.0

    def grey_table(self, count: int) -> list[int]:
        """What becomes of so many values of grey, from black to white."""
        return [self._convert_grey(value / (count - 1)) for value in range(count)]

    def convert(self, high: Image.Image, low: Image.Image | None = None) -> Image.Image:
        """An image in RGB, converted.

        Args:
            high: the image; if it has 16 bits a sample, the upper halves of them.
            low: the lower halves.
        """
        matrix = self.primaries.to(SRGB)
        fine = [Image.new("I", high.size) for _ in matrix]
        for box in _tiles(high.size):
            light = dict(
                zip("rgb", self._to_light(high.crop(box), low and low.crop(box)), strict=True)
            )
            if self.tones:
                light["gain"] = ImageMath.lambda_eval(self._gain, **light)
            for band, row in zip(fine, matrix, strict=True):
                band.paste(ImageMath.lambda_eval(partial(_finest, row=row), **light), box)
        # Not tile by tile: Pillow takes longer to read the table than to convert a tile by it.
        table = _srgb_table()
        return Image.merge("RGB", [fine.pop(0).point(table, "L") for _ in matrix])

    def _convert_grey(self, value: float) -> int:
        light = self.decode(value)
        if self.tones:
            light *= light ** (self.gamma - 1)
            light *= self.tones.gain(light)
        return round(255 * min(1.0, encode_srgb(light)))

    def _to_light(self, high: Image.Image, low: Image.Image | None) -> list[Image.Image]:
        if low is None:
            table = [self.decode(step / (_STEPS - 1)) for step in range(_STEPS)]
            return [band.point(table, "F") for band in high.split()]
        # Between 257 points of the function, 256 values lie on a straight line.
        points = [self.decode(min(1.0, _STEPS * step / _FINEST)) for step in range(_STEPS + 1)]
        slopes = [(end - start) / _STEPS for start, end in pairwise(points)]
        return [
            ImageMath.lambda_eval(
                lambda args: args["start"] + args["slope"] * args["low"],
                start=upper.point(points[:-1], "F"),
                slope=upper.point(slopes, "F"),
                low=lower,
            )
            for upper, lower in zip(high.split(), low.split(), strict=True)
        ]

    def _gain(self, args: dict[str, Any]) -> Any:  # noqa: ANN401 - what ImageMath computes with
        assert self.tones  # noqa: S101 - else there is nothing to do
        most, least = args["max"], args["min"]
        red, green, blue = (_sum(args, row) for row in self.primaries.to(BT2020))
        strongest = most(most(red, green), blue)
        if self.gamma == 1:
            return self.tones.gain(strongest, most, least)
        luminance = _sum(args, self.primaries.to_d50()[1])
        screen = most(luminance, 0.0) ** (self.gamma - 1)
        return self.tones.gain(strongest * screen, most, least) * screen


def _tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    width, height = size
    columns = min(width, _TILE)
    rows = _TILE // columns
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _sum(args: dict[str, Any], row: Sequence[float]) -> Any:  # noqa: ANN401 - the same
    """The product of a matrix's row with the light of a pixel."""
    red, green, blue = (args[name] * factor for name, factor in zip("rgb", row, strict=True))
    return red + green + blue


def _finest(args: dict[str, Any], row: Sequence[float]) -> Any:  # noqa: ANN401 - the same
    light = _sum(args, row)
    if "gain" in args:
        light = light * args["gain"]
    return args["int"](light * float(_FINEST) + 0.5)


@lru_cache(maxsize=1)
def _srgb_table() -> list[int]:
    return [round(255 * encode_srgb(light / _FINEST)) for light in range(_FINEST + 1)]
