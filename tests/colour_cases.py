"""Images whose files say of their colours what a plain decoder does not read, made here."""

from __future__ import annotations

import zlib
from functools import cache, partial
from pathlib import Path
from random import Random
from struct import pack
from typing import TYPE_CHECKING

from PIL import Image

from tests.containers import ORIENTED, avif
from tests.icc import SRGB as SRGB_IN_XYZ
from tests.icc import grey_profile, matrix_profile, table_profile, with_tag
from tests.images import chunk, encode, exif

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILES = Path(__file__).parent / "colour_files"
WIDTH, HEIGHT = 40, 32
RGB, GREY, GREY_ALPHA, RGBA, INDEXED = 2, 0, 4, 6, 3
P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
D50 = (34570, 35850, *SRGB[2:])


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", pack(">I", value))


def primaries(points: Sequence[int]) -> bytes:
    return chunk(b"cHRM", pack(">8I", *points))


def coded(*numbers: int) -> bytes:
    """Primaries and transfer function by H.273; then matrix and range, by default RGB's."""
    return chunk(b"cICP", bytes(numbers) + b"\0\1"[len(numbers) - 2 :])


def brightest(nits: int) -> bytes:
    return chunk(b"cLLI", pack(">II", nits * 10_000, 0))


def profile(body: bytes) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(body))


@cache
def pixels(channels: int) -> list[list[int]]:
    """Rows of values, 0 to 65,535: ramps of grey and of each colour, then noise."""
    random = Random(5)
    rows = []
    for row in range(HEIGHT):
        values = []
        for column in range(WIDTH):
            step = (row % 4 * WIDTH + column) * 65_535 // (4 * WIDTH - 1)
            if row < 4:
                pixel = [step] * 3
            elif row < 16:
                pixel = [step * (part == row // 4 - 1) for part in range(3)]
            else:
                pixel = [random.randrange(52_000 if row < 26 else 65_536) for _ in range(3)]
            alpha = [random.choice((0, 65_535, 65_535))] if channels in {2, 4} else []
            values += (pixel if channels > 2 else pixel[:1]) + alpha
        rows.append(values)
    return rows


def coloured(*chunks: bytes, kind: int = RGB, depth: int = 8) -> bytes:
    """A PNG, not square, with these chunks before its pixels."""
    rows = pixels({GREY: 1, GREY_ALPHA: 2, RGB: 3, RGBA: 4}[kind])
    packed = b"".join(
        b"\0" + b"".join((value >> 16 - depth).to_bytes(depth // 8, "big") for value in row)
        for row in rows
    )
    head = pack(">IIBBBBB", WIDTH, HEIGHT, depth, kind, 0, 0, 0)
    parts = (
        chunk(b"IHDR", head),
        *chunks,
        chunk(b"IDAT", zlib.compress(packed)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def curve(exponent: float) -> partial[float]:
    return partial(pow, exp=exponent)


def _shade(cyan: int, magenta: int, yellow: int, black: int = 0) -> tuple[float, float, float]:
    light = 100 - 20 * cyan - 25 * magenta - 8 * yellow
    return light * (1 - 0.9 * black), 70 * magenta - 40 * cyan, 80 * yellow - 50 * cyan


def _glow(red: int, green: int, blue: int) -> tuple[float, float, float]:
    return _shade(1 - red, 1 - green, 1 - blue)


def _smooth(mode: str) -> Image.Image:
    """Pale gradients, which a JPEG keeps. No black ink: Chromium leaves it out of account."""
    down = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    across = Image.linear_gradient("L").rotate(90).resize((WIDTH, HEIGHT))
    bands = [down, across, down.rotate(180), Image.new("L", down.size)]
    pale = [band.point([48 + value // 2 for value in range(256)]) for band in bands[:3]]
    return Image.merge(mode, [*pale, *bands[3:]][: len(mode)])


def _webp(body: bytes) -> bytes:
    rows = [value >> 8 for row in pixels(3) for value in row]
    colours = Image.frombytes("RGB", (WIDTH, HEIGHT), bytes(rows))
    return encode(colours, "WEBP", lossless=True, icc_profile=body)


def _jpeg(mode: str, body: bytes) -> bytes:
    return encode(_smooth(mode), "JPEG", quality=95, subsampling=0, icc_profile=body)


def _coded_avif(code: tuple[int, int]) -> bytes:
    return avif(_smooth("RGB"), code)


def _turned_avif(turn: int) -> bytes:
    return avif(_smooth("RGB"), exif=exif(turn))


ORDINARY: dict[str, Callable[[], bytes]] = {
    "untold": coloured,
    "gamma 1.0": partial(coloured, gamma(100_000)),
    "gamma 1.8": partial(coloured, gamma(55_556)),
    "gamma 2.2 alone": partial(coloured, gamma(45_455)),
    "gamma 2.2, primaries of sRGB": partial(coloured, gamma(45_455), primaries(SRGB)),
    "gamma 2.2, primaries of P3": partial(coloured, gamma(45_455), primaries(P3)),
    "gamma 2.2, white of D50": partial(coloured, gamma(45_455), primaries(D50)),
    "gamma 1.0, 16 bits": partial(coloured, gamma(100_000), depth=16),
    "gamma 1.0, grey": partial(coloured, gamma(100_000), kind=GREY),
    "gamma 1.0, grey, 16 bits": partial(coloured, gamma(100_000), kind=GREY, depth=16),
    "gamma 1.0, transparent": partial(coloured, gamma(100_000), kind=RGBA),
    "gamma 1.8, grey, transparent": partial(coloured, gamma(55_556), kind=GREY_ALPHA, depth=16),
    "a drawing, gamma 1.0": (FILES / "gamma-1.0.png").read_bytes,
    "a drawing, gamma 2.2, primaries of P3": (FILES / "gamma-2.2-p3.png").read_bytes,
    "primaries alone": partial(coloured, primaries(P3)),
    "primaries on a line": partial(coloured, gamma(100_000), primaries([50_000] * 8)),
    "gamma of nothing": partial(coloured, gamma(0)),
    "sRGB before gamma": partial(coloured, chunk(b"sRGB", b"\0"), gamma(100_000)),
    "sRGB of no intent": partial(coloured, chunk(b"sRGB", b"\x09"), gamma(100_000)),
    "a profile before gamma": partial(
        coloured, profile(matrix_profile(curve(1.8))), gamma(100_000)
    ),
    "gamma behind a damaged profile": partial(
        coloured, profile(b"no profile" * 40), gamma(100_000)
    ),
    "cICP P3": partial(coloured, coded(12, 13)),
    "cICP BT.2020": partial(coloured, coded(9, 1)),
    "cICP linear": partial(coloured, coded(1, 8)),
    "cICP of no known primaries": partial(coloured, coded(2, 13), gamma(100_000)),
    "cICP of a narrow range": partial(coloured, coded(12, 13, 0, 0)),
    "cICP before a profile": partial(coloured, coded(1, 8), profile(matrix_profile(curve(1.8)))),
    "profile P3": partial(coloured, profile(matrix_profile(curve(2.2)))),
    "profile linear": partial(coloured, profile(matrix_profile(curve(1.0), SRGB_IN_XYZ))),
    "profile P3, 16 bits": partial(coloured, profile(matrix_profile(curve(2.2))), depth=16),
    "profile grey": partial(coloured, profile(grey_profile(curve(1.8))), kind=GREY),
    "profile by a table": partial(coloured, profile(table_profile(b"RGB ", _glow))),
    "profile in a WebP": partial(_webp, matrix_profile(curve(1.8))),
}
"""By name; of the usual range of brightness, and without loss."""

LOSSY: dict[str, Callable[[], bytes]] = {
    name: partial(_jpeg, mode, body)
    for name, mode, body in (
        ("JPEG", "RGB", b""),
        ("JPEG, profile P3", "RGB", matrix_profile(curve(1.8))),
        ("JPEG, grey", "L", grey_profile(curve(1.2))),
        ("JPEG, CMYK", "CMYK", b""),
        ("JPEG, CMYK, profile by a table", "CMYK", table_profile(b"CMYK", _shade)),
    )
}
"""By name; what comes out is a JPEG too."""

HDR: dict[str, Callable[[], bytes]] = {
    "PQ": partial(coloured, coded(9, 16)),
    "PQ, 16 bits": partial(coloured, coded(9, 16), depth=16),
    "PQ in P3, a phone's": partial(coloured, coded(12, 16), depth=16, kind=RGBA),
    "PQ up to 400": partial(coloured, coded(9, 16), brightest(400)),
    "PQ up to 4,000": partial(coloured, coded(9, 16), brightest(4000)),
    "PQ, grey, 16 bits": partial(coloured, coded(9, 16), kind=GREY, depth=16),
    "PQ, grey, transparent": partial(coloured, coded(9, 16), kind=GREY_ALPHA, depth=16),
    "PQ by a profile's code": partial(
        coloured,
        profile(with_tag(matrix_profile(curve(2.2)), b"cicp", b"cicp\0\0\0\0\x09\x10\0\1")),
    ),
    "HLG": partial(coloured, coded(9, 18)),
    "HLG, 16 bits": partial(coloured, coded(9, 18), depth=16),
    "HLG in P3": partial(coloured, coded(12, 18)),
}
"""By name."""

CONTAINED: dict[str, Callable[[], bytes]] = {
    "AVIF": lambda: avif(_smooth("RGB")),
    "AVIF, grey": lambda: avif(_smooth("L")),
    "AVIF, coloured by half": lambda: avif(_smooth("RGB"), subsampling="4:2:0"),
    "AVIF, opaque alpha": lambda: avif(_smooth("RGB").convert("RGBA")),
    "AVIF, profile P3": lambda: avif(_smooth("RGB"), icc_profile=matrix_profile(curve(1.8))),
    **{
        f"AVIF, code {code}": partial(_coded_avif, code)
        for code in [
            *((12, 13), (9, 1), (1, 1), (1, 8), (2, 2), (6, 6), (9, 14)),
            *((9, 16), (12, 16), (9, 18)),
        ]
    },
    **{f"AVIF, turned {turn}": partial(_turned_avif, turn) for turn in ORIENTED},
}
"""By name; semi-transparent ones aside, which Chromium shows darker than Firefox does."""
