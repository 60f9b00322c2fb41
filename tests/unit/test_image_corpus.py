"""Odd files, every one made by code: which pass, and with what code the others are refused."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from facelift.codes import OutcomeCode
from tests.images import (
    ANCILLARY,
    ANIMATED,
    BASELINE,
    OTHERS,
    PACKED,
    PACKED_GREY,
    ROWS,
    SIDE,
    WHOLE,
    chunk,
    draw,
    encode,
    exif,
    insert_segment,
    png,
    png_suite,
)
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits, validate

LIMITS = ImageLimits()
ALL_FORMATS = ImageLimits(formats=frozenset(ImageFormat))
SUITE = png_suite()
_BEHIND_THE_ROWS = 22  # bytes: IEND, two checksums, and what packs the very last ones


def refusal(data: bytes, limits: ImageLimits = ALL_FORMATS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        validate(data, limits)
    return caught.value


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def canvas(side: int) -> tuple[bytes, bytes]:
    return b"VP8X", bytes(4) + 2 * struct.pack("<I", side - 1)[:3]


# PNG in all its forms


@pytest.mark.parametrize("form", SUITE)
def test_every_form_of_png_passes_whole_and_not_a_row_shorter(form: str) -> None:
    data = SUITE[form]
    with Image.open(BytesIO(data)) as opened:
        opened.load()
    assert validate(data, LIMITS).side == 13
    for length in range(len(data) - _BEHIND_THE_ROWS):
        refusal(data[:length])


@pytest.mark.parametrize("kind", ANCILLARY)
def test_a_png_passes_whatever_is_in_a_chunk_that_decoders_may_skip(kind: str) -> None:
    data = png(PACKED, before=chunk(kind.encode(), ANCILLARY[kind]))
    assert validate(data, LIMITS).data == data


@pytest.mark.parametrize(
    "data",
    [
        png(PACKED, before=png(PACKED)[8:33]),
        png(PACKED_GREY, colour=3, before=chunk(b"PLTE", bytes(6)) + chunk(b"PLTE", bytes(9))),
        png(PACKED).replace(
            png(PACKED)[8:33], chunk(b"IHDR", struct.pack(">IIBBBBBB", 48, 48, 8, 2, 0, 0, 0, 0))
        ),
    ],
    ids=["two headers", "two palettes", "too long a header"],
)
def test_a_png_that_decoders_would_read_differently_is_refused(data: bytes) -> None:
    assert refusal(data).code is OutcomeCode.IMAGE_NOT_AN_IMAGE


# Size against content


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_single_pixel_passes(image_format: str) -> None:
    assert validate(encode(draw(1, 1), image_format), ALL_FORMATS).side == 1


def test_metadata_may_be_larger_than_the_image() -> None:
    comment, notes = 12 * [(0xFE, b"n" * 65_000)], chunk(b"tEXt", b"a\0" + b"n" * 800_000)
    jpeg = BASELINE
    for marker, body in comment:
        jpeg = insert_segment(jpeg, marker, body)
    for data in (jpeg, png(PACKED, before=notes)):
        assert len(data) > 700_000
        assert validate(data, LIMITS).side == SIDE


@pytest.mark.parametrize("kind", WHOLE)
def test_garbage_after_the_end_does_no_harm(kind: str) -> None:
    for garbage in (bytes(99), b"\xff\xd8\xff", b"IEND", WHOLE[kind][: len(WHOLE[kind]) // 2]):
        assert validate(WHOLE[kind] + garbage, ALL_FORMATS).side == SIDE


@pytest.mark.parametrize("kind", ANIMATED)
def test_an_animation_cut_in_its_first_frame_is_refused(kind: str) -> None:
    assert refusal(ANIMATED[kind]).code is OutcomeCode.IMAGE_ANIMATED
    last_of_it = {"animated png": b"IDAT", "animated gif": b"!\xf9", "animated webp": b""}[kind]
    first = ANIMATED[kind].rindex(last_of_it)
    for length in range(0, first, 3):
        assert refusal(ANIMATED[kind][:length]).code is not OutcomeCode.IMAGE_ANIMATED, length


# Data that ends early in a file that is whole


@pytest.mark.parametrize("kind", ["webp", "webp lossless"])
def test_webp_data_that_end_early_in_a_whole_file_are_refused(kind: str) -> None:
    data = OTHERS[kind]
    for kept in (0.2, 0.5, 0.9):
        body = data[20 : 20 + int((len(data) - 20) * kept)]
        refusal(riff((data[12:16], body)))


def test_gif_data_that_end_early_in_a_whole_file_are_refused() -> None:
    data = encode(draw(16, 16), "GIF")
    start = data.index(struct.pack("<cHHHH", b",", 0, 0, 16, 16)) + 11
    length = data[start]
    for kept in (0, 1, length // 2, length - 10):
        short = data[: start + 1 + kept] + b"\0;"
        refusal(short[:start] + bytes([kept]) * (kept > 0) + short[start + 1 :])


@pytest.mark.parametrize(("side", "inner"), [(16, 2000), (100, 60), (48, 47)])
def test_a_webp_frame_of_another_size_than_its_canvas_is_refused(side: int, inner: int) -> None:
    frame = encode(Image.new("RGB", (inner, inner)), "WEBP")[20:]
    assert refusal(riff(canvas(side), (b"VP8 ", frame))).code is OutcomeCode.IMAGE_NOT_AN_IMAGE


def test_a_webp_is_refused_with_its_size_as_shown() -> None:
    turned = encode(draw(40, 30), "WEBP", exif=exif(6))
    assert "30×40" in refusal(turned).sentence  # noqa: RUF001 - as written


# Bombs


@pytest.mark.parametrize("parts", [pytest.param(99_000, marks=pytest.mark.nightly), 100_001])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_file_may_not_have_a_hundred_thousand_parts(kind: str, parts: int) -> None:
    webp = encode(draw(), "WEBP", exif=exif(1))
    data = {
        "png": png(PACKED, before=parts * chunk(b"tEXt", b"")),
        "jpeg": BASELINE[:2] + parts * b"\xff\xfe\0\2" + BASELINE[2:],
        "webp": webp[:4]
        + struct.pack("<I", len(webp) - 8 + 8 * parts)
        + webp[8:30]
        + parts * b"what\0\0\0\0"
        + webp[30:],
    }[kind]
    limits = replace(ALL_FORMATS, byte_limit=2_000_000)
    if parts < 100_000:
        assert validate(data, limits).side == SIDE
    else:
        assert "more than 100,000 parts" in refusal(data, limits).sentence


def test_rows_beyond_a_pngs_height_are_not_unpacked() -> None:
    packed = zlib.compress(ROWS + bytes(10_000_000))
    broken = packed[:-2000] + b"\xff" * 2000
    with pytest.raises(zlib.error):
        zlib.decompress(broken)
    assert validate(png(broken), LIMITS).side == SIDE


@pytest.mark.parametrize(
    "data",
    [
        png(b"", side=2**31 - 1),
        BASELINE.replace(struct.pack(">HH", SIDE, SIDE), b"\xff\xff\xff\xff", 1),
        riff(canvas(1 << 24), (b"VP8 ", b"")),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\0;",
    ],
    ids=["png", "jpeg", "webp", "gif"],
)
def test_the_largest_size_a_format_can_claim_is_refused(data: bytes) -> None:
    assert refusal(data).code is OutcomeCode.IMAGE_TOO_MANY_PIXELS
