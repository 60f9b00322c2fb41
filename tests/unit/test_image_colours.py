"""Colours that a file tells otherwise than by a plain profile; expected is what Chromium shows.

`tests/integration/test_fit_colours.py` compares every pixel with Chromium itself.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from struct import pack

import pytest
from PIL import Image

from facelift.fit import Fit
from tests.colour_cases import P3, SRGB, brightest, coded, curve, gamma, primaries, profile
from tests.icc import matrix_profile, table_profile, with_tag
from tests.images import chunk, encode
from worker.images.cost import cost_of
from worker.images.fit import fit
from worker.images.formats import ImageFormat, parse
from worker.images.validate import ImageLimits

Pixel = tuple[int, ...]
PIXEL = (100, 155, 128)
LINEAR = profile(matrix_profile(curve(1.0)))
HDR_PROFILE = profile(with_tag(matrix_profile(curve(1.0)), b"cicp", b"cicp\0\0\0\0\x09\x10\0\1"))


def one_colour(colour: Pixel, *chunks: bytes, kind: int = 2, depth: int = 8) -> bytes:
    """A PNG of 3 by 2 pixels of one colour, whose parts are given in 8 bits."""
    scale, size = (1, 1) if depth == 8 else (257, 2)
    pixel = b"".join((part * scale).to_bytes(size, "big") for part in colour)
    parts = (
        chunk(b"IHDR", pack(">IIBBBBB", 3, 2, depth, kind, 0, 0, 0)),
        *chunks,
        chunk(b"IDAT", zlib.compress((b"\0" + pixel * 3) * 2)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def fitted(data: bytes) -> Pixel:
    with Image.open(BytesIO(fit(data, ImageLimits(), Fit.CROP).data)) as made:
        pixel = made.convert("RGB").getpixel((1, 1))
    assert isinstance(pixel, tuple)
    return pixel


def is_near(pixel: Pixel, other: Pixel) -> bool:
    return all(abs(one - two) <= 1 for one, two in zip(pixel, other, strict=True))


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        ((), PIXEL),
        ((gamma(100_000),), (168, 205, 188)),
        ((gamma(55_556),), (119, 171, 146)),
        ((gamma(44_000),), PIXEL),
        ((gamma(43_000),), (95, 152, 124)),
        ((gamma(45_455), primaries(SRGB)), (100, 156, 129)),
        ((gamma(45_455), primaries(P3)), (80, 158, 127)),
        ((gamma(45_455), primaries([0] * 8)), PIXEL),
        ((gamma(0),), PIXEL),
        ((primaries(P3),), PIXEL),
        ((chunk(b"gAMA", b"\0\1"),), PIXEL),
        ((coded(12, 13),), (81, 157, 126)),
        ((coded(9, 1),), (0, 155, 118)),
        ((coded(10, 17),), (0, 187, 108)),
        ((coded(2, 13), gamma(100_000)), (168, 205, 188)),
        ((coded(12, 13, 0, 0),), PIXEL),
        ((coded(9, 16),), (0, 215, 118)),
        ((coded(12, 16),), (0, 210, 121)),
        ((coded(9, 16), brightest(400)), (0, 255, 142)),
        ((coded(9, 18),), (5, 131, 99)),
        ((HDR_PROFILE,), (0, 215, 118)),
    ],
    ids=str,
)
def test_colours_become_those_that_a_browser_shows(chunks: tuple[bytes, ...], shown: Pixel) -> None:
    assert is_near(fitted(one_colour(PIXEL, *chunks)), shown)


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (coded(1, 13), LINEAR),
        (LINEAR, chunk(b"sRGB", b"\0")),
        (chunk(b"sRGB", b"\0"), gamma(100_000)),
        (gamma(45_455) + primaries(SRGB), profile(b"a damaged one" * 20)),
    ],
    ids=["cICP", "iCCP", "sRGB", "gAMA"],
)
def test_the_strongest_that_a_file_says_of_its_colours_counts(
    stronger: bytes, weaker: bytes
) -> None:
    alone = fitted(one_colour(PIXEL, stronger))
    assert fitted(one_colour(PIXEL, weaker + stronger)) == alone
    assert fitted(one_colour(PIXEL, stronger + weaker)) == alone


@pytest.mark.parametrize(("depth", "said"), [(8, 16), (16, 16), (8, 18), (16, 18)])
@pytest.mark.parametrize("kind", [0, 2, 4, 6], ids=["grey", "colour", "grey alpha", "alpha"])
def test_hdr_of_every_kind_keeps_the_same_greys(kind: int, depth: int, said: int) -> None:
    colour = (132,) * (1 if kind in {0, 4} else 3) + (255,) * (kind >= 4)
    shown = 142 if said == 16 else 103
    assert is_near(fitted(one_colour(colour, coded(9, said), kind=kind, depth=depth)), (shown,) * 3)


def test_of_hdr_no_bit_is_lost_before_its_colours_are_converted() -> None:
    shown = set()
    for value in range(0x8000, 0x8100, 16):  # of one upper half
        rows = (b"\0" + value.to_bytes(2, "big") * 9) * 2
        whole = one_colour((0, 0, 0), coded(9, 16), depth=16)
        at = whole.index(b"IDAT") - 4
        data = whole[:at] + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        shown.add(fitted(data)[0])
    assert len(shown) == 3


def test_highlights_of_hdr_stay_apart_and_white_is_not_grey_without_them() -> None:
    values = [
        fitted(one_colour((step,) * 3, coded(9, 16)))[0] for step in (148, 160, 176, 192, 255)
    ]
    assert values == [*sorted(set(values[:4])), 255]
    assert fitted(one_colour((148,) * 3, coded(9, 16), brightest(203)))[0] >= 254


def test_a_printers_black_stays_as_dark_as_its_profile_says() -> None:
    ink = Image.new("CMYK", (40, 30), (0, 0, 0, 255))
    grey = table_profile(b"CMYK", lambda c, m, y, k: (100 - 70 * k, 0, 0))  # noqa: ARG005 - inks
    made = fit(encode(ink, "JPEG", icc_profile=grey), ImageLimits(), Fit.CROP)
    with Image.open(BytesIO(made.data)) as opened:
        pixel = opened.convert("RGB").getpixel((9, 9))
    assert isinstance(pixel, tuple)
    assert is_near(pixel, (71, 71, 71))


def test_hdr_of_16_bits_is_expected_to_take_twice_the_memory() -> None:
    plain, hdr = (
        cost_of(parse(data, ImageFormat.PNG), len(data), Fit.CROP).memory
        for data in (
            one_colour(PIXEL, coded(12, 13), depth=16),
            one_colour(PIXEL, coded(9, 16), depth=16),
        )
    )
    assert hdr - plain == 4 * 3 * 2


def test_a_small_target_is_expected_to_be_drawn_in_larger_bands() -> None:
    layout = parse(one_colour(PIXEL), ImageFormat.PNG)._replace(stored_size=(7000, 5700))
    usual, small = (cost_of(layout, 0, Fit.CROP, largest).memory for largest in (2048, 64))
    assert small > usual
