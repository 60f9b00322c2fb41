"""What is sent without metadata shows the same, and tells nothing else."""

from __future__ import annotations

import struct
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image, ImageOps

from facelift.fit import Fit
from tests.carriers import CARRIERS, MARK, PROFILE, TURNED, exif, gif, jpeg, png, webp
from tests.image_cases import CASES
from tests.images import (
    ANCILLARY,
    BASELINE,
    OTHERS,
    PACKED,
    WHOLE,
    chunk,
    draw,
    encode,
    insert_segment,
    png_suite,
)
from tests.images import png as plain_png
from worker.errors import ImageRejected
from worker.images.decoder import DecoderLimits, Decoders
from worker.images.fit.drawing import draw as drawn
from worker.images.formats import ImageFormat, parse, recognise
from worker.images.judge import ImageJudge
from worker.images.metadata import without_metadata
from worker.images.validate import ImageLimits, validate

LIMITS = ImageLimits(formats=frozenset(ImageFormat))
PASSING = {f"{case.format}: {case.kind}": case.data for case in CASES if case.code is None}
FILES = {**WHOLE, **png_suite(), **PASSING, **CARRIERS}
READERS: dict[str, Any] = {"JPEG": jpeg, "PNG": png, "WebP": webp}


def stripped(data: bytes) -> bytes:
    bare = without_metadata(data, validate(data, LIMITS).format)
    assert validate(bare, LIMITS).format is recognise(data)
    return bare


def shown(data: bytes) -> bytes:
    """The pixels, upright and in sRGB."""
    image_format = recognise(data)
    assert isinstance(image_format, ImageFormat)
    layout = parse(data, image_format)
    return drawn(layout, Fit.PAD, LIMITS.pixel_limit).convert("RGBA").tobytes()


@pytest.mark.parametrize("name", FILES)
def test_the_pixels_stay_and_a_second_time_changes_nothing(name: str) -> None:
    bare = stripped(FILES[name])
    assert shown(bare) == shown(FILES[name])
    assert stripped(bare) is bare


@pytest.mark.filterwarnings("ignore:Image appears to be", "ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", CARRIERS)
def test_nothing_is_left_but_pixels_colours_and_orientation(name: str) -> None:
    bare = stripped(CARRIERS[name])
    assert MARK in CARRIERS[name]
    assert MARK not in bare
    with Image.open(BytesIO(CARRIERS[name])) as before, Image.open(BytesIO(bare)) as after:
        after.load()  # a PNG's texts may follow its pixels
        assert set(after.info) <= {
            *(
                "icc_profile",
                "exif",
                "dpi",
                "loop",
                "background",
                "timestamp",
                "duration",
                "version",
            ),
            *("transparency", "progressive", "progression", "adobe", "adobe_transform"),
            *("jfif", "jfif_version", "jfif_unit", "jfif_density"),
        }
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert after.tobytes() == before.tobytes()
        assert dict(after.getexif()) == ({} if name == "GIF" else {274: TURNED})
        upright = ImageOps.exif_transpose(after)
        assert upright.tobytes() == ImageOps.exif_transpose(before).tobytes()


@pytest.mark.parametrize("name", READERS)
def test_the_profile_stays_and_an_upright_image_has_no_exif(name: str) -> None:
    bare = stripped(READERS[name](orientation=1))
    layout = parse(bare, validate(bare, LIMITS).format)
    assert layout.exif == b""
    assert b"Exif" not in bare
    with Image.open(BytesIO(bare)) as image:
        assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", READERS)
def test_every_orientation_stays(name: str, orientation: int) -> None:
    bare = stripped(READERS[name](orientation=orientation))
    assert parse(bare, validate(bare, LIMITS).format).orientation == orientation


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_odd_orientation_stays_as_odd_as_it_is(order: str) -> None:
    # Of a kind that browsers do not take for one: they would turn the image if it were mended.
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    entry = struct.pack(f"{order}HHIHH", 0x0112, 9, 1, TURNED, 7)
    place = struct.pack(f"{order}HHII", 0x8825, 4, 1, 1_000)
    block = mark + struct.pack(f"{order}I4xH", 12, 2) + place + entry + bytes(4)
    bare = stripped(insert_segment(BASELINE, 0xE1, b"Exif\0\0" + block))
    layout = parse(bare, ImageFormat.JPEG)
    assert layout.exif == mark + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
    assert not layout.has_location


def test_only_the_first_orientation_stays() -> None:
    twice = insert_segment(jpeg(orientation=3), 0xE1, exif(8))
    bare = stripped(twice)
    assert bare.count(b"Exif\0\0") == 1
    assert parse(bare, ImageFormat.JPEG).orientation == 8


def test_an_orientation_behind_the_pixels_of_a_png_goes_as_browsers_ignore_it() -> None:
    plain = plain_png(PACKED)
    behind = plain[:-12] + chunk(b"eXIf", exif(8)[6:]) + plain[-12:]
    assert stripped(behind) == plain


def test_a_png_keeps_what_sets_its_colours_alone() -> None:
    damaged = chunk(b"tEXt", MARK)[:-1] + b"!"
    kinds = ["gAMA", "cHRM", "sRGB", "sBIT", "pHYs", "bKGD", "tIME", "tEXt"]
    colours = chunk(b"cICP", b"\x0c\x0d\0\1")
    before = b"".join(chunk(kind.encode(), ANCILLARY[kind]) for kind in kinds)
    kept = b"".join(chunk(kind.encode(), ANCILLARY[kind]) for kind in kinds[:3])
    bare = stripped(plain_png(PACKED, before=colours + before + damaged))
    assert bare == plain_png(PACKED, before=colours + kept)


def test_a_gif_is_left_with_its_colours_its_frame_and_what_is_clear() -> None:
    plain = encode(draw().quantize(64), "GIF", transparency=3)
    bare = stripped(gif())
    assert b"\x21\xf9\4" in bare
    assert len(bare) <= len(plain)


@pytest.mark.parametrize("data", [BASELINE, plain_png(PACKED), OTHERS["webp"], OTHERS["gif"]])
def test_an_image_without_metadata_is_the_same_object(data: bytes) -> None:
    assert stripped(data) is data


def test_damaged_files_that_pass_show_the_same() -> None:
    chance, tried = Random(21), 0
    for data in list(CARRIERS.values()) * 20:
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            validate(bytes(damaged), LIMITS)
        except ImageRejected:
            continue
        tried += 1
        bare = stripped(bytes(damaged))
        assert stripped(bare) is bare
        try:
            before = shown(bytes(damaged))
        except ImageRejected:
            continue
        assert shown(bare) == before
    assert tried > 50


def judge(*, strips: bool, limits: ImageLimits = LIMITS) -> ImageJudge:
    return ImageJudge(limits, Decoders(DecoderLimits(), 5), 5, strips=lambda _: strips)


@pytest.mark.parametrize("how", [Fit.STRICT, Fit.CROP])
def test_an_image_that_is_not_fitted_loses_metadata_only_if_that_is_set(how: Fit) -> None:
    data = CARRIERS["JPEG RGB"]
    assert judge(strips=False).judge(data, how).data is data
    image = judge(strips=True).judge(data, how)
    assert image.data == stripped(data)
    assert image.fitted.startswith("stripped: ")
    bare = judge(strips=True).judge(image.data, how)
    assert (bare.data, bare.fitted) == (image.data, "")


def test_metadata_go_or_stay_by_account() -> None:
    images = ImageJudge(LIMITS, Decoders(DecoderLimits(), 5), 5, strips="my-shop".__eq__)
    data = CARRIERS["JPEG RGB"]
    assert images.judge(data, Fit.STRICT, account="my-shop").data == stripped(data)
    assert images.judge(data, Fit.STRICT).data is data


def test_an_image_that_its_end_makes_too_large_is_refused() -> None:
    data = plain_png(PACKED)[:-12]
    limits = ImageLimits(byte_limit=len(data) + 1)
    assert judge(strips=False, limits=limits).judge(data, Fit.STRICT).data is data
    with pytest.raises(ImageRejected, match="must have fewer than"):
        judge(strips=True, limits=limits).judge(data, Fit.STRICT)
