"""What a file says of the colours in it, beside an ICC profile; see `fit/colour/` for its use."""

from collections.abc import Mapping, Sequence
from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is
from struct import unpack
from typing import NamedTuple

COLOUR_CHUNKS = frozenset({b"cICP", b"sRGB", b"gAMA", b"cHRM", b"cLLI", b"mDCV"})
"""What `png_colours` reads."""

PQ, HLG = 16, 18
"""The transfer functions of HDR, by their numbers."""

_INTENTS = [bytes([intent]) for intent in range(4)]
_HUNDRED_THOUSANDTH, _TEN_THOUSANDTH = 1e-5, 1e-4


class Colours(NamedTuple):
    """How the values of pixels are meant.

    Attributes:
        coded: primaries and transfer function by their numbers in ITU-T H.273, as in a PNG's
            `cICP` and an AVIF's `colr`; None if it names none, or not for RGB in full range.
        is_srgb: whether a PNG says that it is in sRGB.
        gamma: of a PNG, the exponent that its values were encoded with, such as 0.45455; None
            if it names none.
        chromaticities: of a PNG, x and y of white, red, green and blue; none if it names none.
        peak: luminance of the brightest pixel, or of the screen that the image was made on, in
            cd/m²; 0 if it names none.
    """

    coded: tuple[int, int] | None = None
    is_srgb: bool = False
    gamma: float | None = None
    chromaticities: Sequence[tuple[float, float]] = ()
    peak: float = 0.0

    @property
    def is_hdr(self) -> bool:
        """Whether values reach beyond white: PQ and HLG."""
        return self.coded is not None and self.coded[1] in {PQ, HLG}


def png_colours(chunks: Mapping[bytes, bytes]) -> Colours:
    """Read the contents of a PNG's `COLOUR_CHUNKS`; one that is damaged counts as missing."""
    code = chunks.get(b"cICP", b"")
    is_for_rgb = len(code) == 4 and code[2:] == b"\0\1"  # noqa: PLR2004 - fields of a byte each
    gamma = _numbers(chunks, b"gAMA", ">I")
    points = [point * _HUNDRED_THOUSANDTH for point in _numbers(chunks, b"cHRM", ">8I") or ()]
    content = _numbers(chunks, b"cLLI", ">II") or (0, 0)
    screen = _numbers(chunks, b"mDCV", ">16xI4x") or (0,)
    return Colours(
        coded=(code[0], code[1]) if is_for_rgb else None,
        is_srgb=chunks.get(b"sRGB") in _INTENTS,
        gamma=gamma[0] * _HUNDRED_THOUSANDTH if gamma and gamma[0] else None,
        chromaticities=list(zip(points[::2], points[1::2], strict=True)),
        peak=(content[0] or screen[0]) * _TEN_THOUSANDTH,
    )


def _numbers(chunks: Mapping[bytes, bytes], kind: bytes, form: str) -> tuple[int, ...] | None:
    try:
        return unpack(form, chunks.get(kind, b""))
    except StructError:
        return None
