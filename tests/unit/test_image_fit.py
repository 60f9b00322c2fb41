from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO
from random import Random

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps

from facelift.codes import OutcomeCode
from facelift.fit import Fit, Focus
from tests.images import (
    ANIMATED,
    WHOLE,
    chunk,
    draw,
    encode,
    exif,
    frames,
    insert_segment,
    png_suite,
    suite_png,
)
from worker.errors import ImageRejected
from worker.images.fit import fit, read_limit, show_size
from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits, ValidImage, validate

LIMITS = ImageLimits()
ALL_FORMATS = ImageLimits(formats=frozenset(ImageFormat))
BOTH = [Fit.CROP, Fit.PAD]
WIDE = draw(40, 30)
MIDDLE = (5, 0, 35, 30)


def only(*formats: ImageFormat, byte_limit: int = 1_000_000) -> ImageLimits:
    return ImageLimits(byte_limit=byte_limit, formats=frozenset(formats))


def refusal(data: bytes, how: Fit, limits: ImageLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        fit(data, limits, how)
    return caught.value


def decode(image: ValidImage | bytes, mode: str | None = None) -> Image.Image:
    with Image.open(BytesIO(image if isinstance(image, bytes) else image.data)) as opened:
        opened.load()
        return opened.convert(mode) if mode else opened.copy()


def stored(image: Image.Image, orientation: int) -> Image.Image:
    """What a viewer turns into `image`."""
    as_stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(as_stored[orientation]) if orientation in as_stored else image


def is_same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and not any(
        ImageChops.difference(one.getchannel(band), other.getchannel(band)).getbbox()
        for band in one.getbands()
    )


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of a channel, 0 to 255."""
    assert one.size == other.size
    raw = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).tobytes()
    return sum(raw) / len(raw)


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (width, height), Random(5).randbytes(bands * width * height))


# What is left alone, and what cannot be mended


@pytest.mark.parametrize("how", Fit)
@pytest.mark.parametrize("kind", WHOLE)
def test_what_can_be_sent_as_it_is_stays_as_it_is(kind: str, how: Fit) -> None:
    assert fit(WHOLE[kind], ALL_FORMATS, how) == validate(WHOLE[kind], ALL_FORMATS)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encode(WIDE, "PNG"), OutcomeCode.IMAGE_NOT_SQUARE),
        (ANIMATED["animated png"], OutcomeCode.IMAGE_ANIMATED),
        (WHOLE["gif"], OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED),
    ],
)
def test_strict_changes_nothing(data: bytes, code: OutcomeCode) -> None:
    assert refusal(data, Fit.STRICT).code is code


@pytest.mark.parametrize("how", BOTH)
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", OutcomeCode.IMAGE_EMPTY),
        (b"a note", OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (encode(WIDE, "TIFF"), OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED),
        (encode(WIDE, "PNG")[:-30], OutcomeCode.IMAGE_TRUNCATED),
        (encode(WIDE, "JPEG")[:-30], OutcomeCode.IMAGE_TRUNCATED),
        (ANIMATED["animated gif"][:-30], OutcomeCode.IMAGE_TRUNCATED),
        (suite_png(9000, 5000, 0, 1, 0), OutcomeCode.IMAGE_TOO_MANY_PIXELS),
    ],
)
def test_what_is_broken_or_too_much_is_not_mended(data: bytes, code: OutcomeCode, how: Fit) -> None:
    assert refusal(data, how).code is code


def test_missing_rows_are_missed_though_pillow_would_not_miss_them() -> None:
    whole = suite_png(40, 30, 2, 8, 0)
    short = suite_png(40, 20, 2, 8, 0)
    data = short[:8] + whole[8:33] + short[33:]  # the header of the whole one
    assert refusal(data, Fit.CROP).code is OutcomeCode.IMAGE_TRUNCATED


@pytest.mark.parametrize("how", BOTH)
def test_a_source_has_a_limit_of_its_own(how: Fit) -> None:
    data = encode(noise(200, 150), "PNG")
    at_limit = ImageLimits(byte_limit=9000, fit_byte_limit=len(data))
    refused = refusal(data, how, at_limit)
    assert refused.code is OutcomeCode.IMAGE_TOO_LARGE
    assert f"fewer than {len(data):,}" in refused.sentence
    above = ImageLimits(byte_limit=9000, fit_byte_limit=len(data) + 1)
    assert len(fit(data, above, how).data) < 9000


def test_no_more_is_read_than_may_be_used() -> None:
    limits = ImageLimits(byte_limit=10, fit_byte_limit=20)
    assert [read_limit(limits, how) for how in Fit] == [10, 20, 20]
    assert read_limit(ImageLimits(byte_limit=30, fit_byte_limit=20), Fit.CROP) == 30


def test_a_format_that_settings_leave_out_is_not_fitted() -> None:
    limits = ImageLimits(fit_formats=frozenset({ImageFormat.JPEG}))
    refused = refusal(WHOLE["gif"], Fit.CROP, limits)
    assert refused.code is OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED
    assert refused.sentence.endswith("it must be JPEG or PNG.")


# Shape


def test_crop_keeps_the_centre_to_the_pixel() -> None:
    made = fit(encode(WIDE, "PNG"), LIMITS, Fit.CROP)
    assert is_same(decode(made), WIDE.crop(MIDDLE))
    tall = WIDE.transpose(Image.Transpose.TRANSPOSE)
    made = fit(encode(tall, "PNG"), LIMITS, Fit.CROP)
    assert is_same(decode(made), tall.crop((0, 5, 30, 35)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("focus", "left"), [((0.5, 0.5), 5), ((0, 1), 0), ((1, 0), 10), ((0.45, 0), 3), ((0.6, 1), 9)]
)
def test_crop_keeps_what_is_around_the_focus_as_a_viewer_sees_it(
    focus: Focus, left: int, orientation: int
) -> None:
    data = encode(stored(WIDE, orientation), "PNG", exif=exif(orientation))
    made = fit(data, LIMITS, Fit.CROP, focus)
    assert is_same(decode(made), WIDE.crop((left, 0, left + 30, 30)))


def test_focus_of_a_tall_image_is_across_it() -> None:
    tall = WIDE.transpose(Image.Transpose.TRANSPOSE)
    made = fit(encode(tall, "PNG"), LIMITS, Fit.CROP, (0.1, 0.25))
    assert is_same(decode(made), tall.crop((0, 0, 30, 30)))


def test_focus_holds_for_a_jpeg_that_is_decoded_reduced() -> None:
    photo = Image.new("RGB", (8000, 2100), "white")
    photo.paste("black", (0, 0, 2100, 2100))
    made = decode(fit(encode(photo, "JPEG"), LIMITS, Fit.CROP, (0, 0.5)), "L")
    assert max(made.tobytes()) < 16


def test_pad_keeps_every_pixel_and_adds_white() -> None:
    made = fit(encode(WIDE, "PNG"), LIMITS, Fit.PAD)
    expected = Image.new("RGB", (40, 40), "white")
    expected.paste(WIDE, (0, 5))
    assert is_same(decode(made), expected)


def test_pad_adds_nothing_visible_to_what_is_partly_transparent() -> None:
    glass = WIDE.copy()
    glass.putalpha(WIDE.getchannel("R"))
    made = decode(fit(encode(glass, "PNG"), LIMITS, Fit.PAD))
    assert made.mode == "RGBA"
    assert is_same(made.crop((0, 5, 40, 35)), glass)
    assert made.getchannel("A").crop((0, 0, 40, 5)).getextrema() == (0, 0)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("how", BOTH)
def test_an_image_is_turned_as_its_exif_says(image_format: str, orientation: int, how: Fit) -> None:
    options = {"lossless": True} if image_format == "WEBP" else {}
    stored = encode(WIDE, image_format, exif=exif(orientation), **options)
    made = decode(fit(stored, LIMITS, how), "RGB")
    upright = ImageOps.exif_transpose(decode(stored)).convert("RGB")
    if how is Fit.CROP:
        expected = ImageOps.fit(upright, (30, 30))
    else:
        expected = ImageOps.pad(upright, (40, 40), color="white")
    assert distance(made, expected) <= (3 if image_format == "JPEG" else 0)


def test_exif_counts_only_in_a_webp_that_announces_it() -> None:
    plain, turned = encode(WIDE, "WEBP"), encode(WIDE, "WEBP", exif=exif(6))
    metadata = turned[turned.index(b"EXIF") :]
    size = struct.pack("<I", len(plain) - 8 + len(metadata))
    smuggled = plain[:4] + size + plain[8:] + metadata
    upright, made = (decode(fit(data, LIMITS, Fit.CROP)) for data in (plain, smuggled))
    assert is_same(made, upright)


@pytest.mark.parametrize("how", BOTH)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 2), (1, 500), (501, 1)])
def test_the_smallest_and_the_thinnest_are_fitted(size: tuple[int, int], how: Fit) -> None:
    made = fit(encode(draw(*size), "GIF"), LIMITS, how)
    assert made.side == (min(size) if how is Fit.CROP else max(size))


def test_nothing_is_enlarged_and_what_is_huge_is_reduced() -> None:
    assert fit(encode(draw(700, 300), "PNG"), LIMITS, Fit.CROP).side == 300
    assert fit(encode(draw(3000, 2500), "JPEG"), LIMITS, Fit.CROP).side == 2048
    assert fit(suite_png(5000, 3, 0, 8, 0), LIMITS, Fit.PAD).side == 2048
    few = ImageLimits(pixel_limit=1000)
    assert fit(suite_png(200, 3, 0, 8, 0), few, Fit.PAD).side == 31


@pytest.mark.parametrize("how", BOTH)
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(200, 90), (90, 200), (200, 200)])
def test_an_image_wider_than_the_size_for_fitted_ones_is_reduced_to_it(
    size: tuple[int, int], image_format: str, how: Fit
) -> None:
    made = fit(encode(draw(*size), image_format), replace(ALL_FORMATS, fit_size=64), how)
    assert made.side == 64
    assert made.fitted.startswith(f"fitted: {size[0]}×{size[1]} → 64×64, ")  # noqa: RUF001 - as written


@pytest.mark.parametrize("how", Fit)
def test_the_size_for_fitted_images_changes_no_strict_one_and_enlarges_none(how: Fit) -> None:
    data = encode(draw(64, 64), "PNG")
    size = 32 if how is Fit.STRICT else 64
    assert fit(data, replace(LIMITS, fit_size=size), how).data is data
    if how is not Fit.STRICT:
        small = fit(encode(draw(40, 30), "PNG"), replace(LIMITS, fit_size=64), how)
        assert small.side == (30 if how is Fit.CROP else 40)


@pytest.mark.parametrize("how", BOTH)
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(653, 437), (437, 653)])
def test_a_jpeg_that_is_decoded_reduced_shows_the_same(
    size: tuple[int, int], orientation: int, how: Fit
) -> None:
    image = draw(40, 40).resize(size, Image.Resampling.NEAREST)
    stored = encode(image, "JPEG", quality=95, exif=exif(orientation))
    upright = ImageOps.exif_transpose(decode(stored)).convert("RGB")
    limits = replace(only(ImageFormat.PNG), fit_size=64)
    made = decode(fit(stored, limits, how), "RGB")
    left, top = ((length - 437) // 2 for length in upright.size)
    if how is Fit.CROP:
        square = upright.crop((left, top, left + 437, top + 437))
        expected = square.resize((64, 64), Image.Resampling.LANCZOS)
    else:
        small = tuple(64 * length // 653 for length in upright.size)
        reduced = upright.resize(small, Image.Resampling.LANCZOS)
        expected = ImageOps.pad(reduced, (64, 64), color="white")
    assert distance(made, expected) < 0.5


# Colours


@pytest.mark.parametrize("form", png_suite())
def test_every_form_of_png_keeps_its_colours_and_what_is_transparent(form: str) -> None:
    data = png_suite(16, 12)[form]
    made = fit(data, LIMITS, Fit.CROP)
    with Image.open(BytesIO(data)) as opened:
        if opened.mode == "I;16":
            grey = opened.convert("I")
            shades = grey.point([value >> 8 for value in range(1 << 16)], "L")
            shades.info = {}  # black, which is transparent, is not in the noise
            expected = shades.convert("RGBA")
        else:
            expected = opened.convert("RGBA")
    assert is_same(decode(made, "RGBA"), expected.crop((2, 0, 14, 12)))


def test_a_transparent_colour_of_16_bits_stays_transparent() -> None:
    data = suite_png(16, 12, 2, 16, 0)
    pixel = decode(data).getpixel((8, 6))
    assert isinstance(pixel, tuple)
    clear = chunk(b"tRNS", b"".join(bytes([part, 7]) for part in pixel))
    made = decode(fit(data[:33] + clear + data[33:], LIMITS, Fit.CROP), "RGBA")
    assert made.getpixel((6, 6)) == (*pixel, 0)
    assert made.getpixel((6, 7)) == (*decode(data, "RGB").getpixel((8, 7)), 255)  # type: ignore[misc] # a colour


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_shade_of_grey_stays_transparent(depth: int) -> None:
    data = suite_png(16, 12, 0, depth, 0)
    with Image.open(BytesIO(data)) as opened:
        shade = opened.convert("I").getpixel((8, 6))
    assert isinstance(shade, int)
    clear = chunk(b"tRNS", shade.to_bytes(2, "big"))
    made = decode(fit(data[:33] + clear + data[33:], LIMITS, Fit.CROP))
    assert made.mode == "LA"
    assert made.convert("RGBA").getpixel((6, 6)) == (*3 * (shade >> depth - 8,), 0)


def swapped_profile() -> bytes:
    """A profile whose primaries change places: a fit that ignores it is plain to see."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 1], profile[blue : blue + 1] = b"b", b"r"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "pRGB".encode("utf-16-be"))


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_colours_are_converted_from_the_images_profile(image_format: str) -> None:
    red = Image.new("RGB", (40, 30), "#fe0000")
    profile = swapped_profile()
    made = decode(fit(encode(red, image_format, icc_profile=profile), LIMITS, Fit.CROP), "RGB")
    pixel = made.getpixel((15, 15))
    assert isinstance(pixel, tuple)
    assert pixel[0] < 15, pixel
    assert pixel[2] > 240, pixel


def test_a_profile_in_several_segments_is_put_together() -> None:
    profile = swapped_profile()
    data = encode(Image.new("RGB", (40, 30), "#fe0000"), "JPEG")
    half = len(profile) // 2
    for number, part in ((1, profile[:half]), (2, profile[half:])):  # the second comes first
        data = insert_segment(data, 0xE2, b"ICC_PROFILE\0" + bytes([number, 2]) + part)
    pixel = decode(fit(data, LIMITS, Fit.CROP)).getpixel((15, 15))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 240


def test_transparency_outlives_the_conversion_of_colours() -> None:
    glass = WIDE.copy()
    glass.putalpha(WIDE.getchannel("R"))
    made = decode(fit(encode(glass, "PNG", icc_profile=swapped_profile()), LIMITS, Fit.CROP))
    assert is_same(made.getchannel("A"), WIDE.getchannel("R").crop(MIDDLE))
    assert not is_same(made.getchannel("G"), made.getchannel("B"))


@pytest.mark.parametrize(
    "profile", [b"no profile", swapped_profile()[:300], bytes(5000), b""], ids=range(4)
)
def test_a_damaged_profile_is_as_none(profile: bytes) -> None:
    data = encode(WIDE, "PNG", icc_profile=profile)
    assert is_same(decode(fit(data, LIMITS, Fit.CROP)), WIDE.crop(MIDDLE))


def test_converting_from_srgb_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(WIDE, "PNG", icc_profile=profile)
    assert is_same(decode(fit(data, LIMITS, Fit.CROP)), WIDE.crop(MIDDLE))


def test_a_profile_for_other_inks_than_the_images_is_as_none() -> None:
    grey = WIDE.convert("L")
    made = fit(encode(grey, "PNG", icc_profile=swapped_profile()), LIMITS, Fit.CROP)
    assert is_same(decode(made), grey.crop(MIDDLE))


def test_inks_become_light() -> None:
    data = encode(WIDE.convert("CMYK"), "JPEG", quality=95)
    made = decode(fit(data, LIMITS, Fit.CROP))
    assert made.mode == "RGB"
    assert distance(made, WIDE.crop(MIDDLE)) < 4


def test_metadata_are_gone() -> None:
    notes = exif(1)
    notes[0x010E] = "taken at home"
    for image_format in ("PNG", "JPEG", "WEBP"):
        data = encode(
            WIDE, image_format, exif=notes, icc_profile=swapped_profile(), xmp=b"<secret/>"
        )
        assert b"home" in data
        made = fit(data, ALL_FORMATS, Fit.CROP)
        assert b"home" not in made.data
        assert b"secret" not in made.data
        assert not decode(made).info.keys() - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ANIMATED)
def test_what_moves_becomes_its_first_frame(kind: str) -> None:
    made = fit(ANIMATED[kind], LIMITS, Fit.CROP)
    assert made.fitted.endswith(", first frame only")
    assert distance(decode(made), frames()[0]) < 9 < distance(decode(made), frames()[1])
    validate(made.data, LIMITS)


def test_of_a_gif_only_its_first_frame_and_that_ones_transparency_are_decoded() -> None:
    still = Image.new("P", (40, 30), 1)
    still.putpalette([255, 0, 0, 0, 0, 255])
    still.paste(0, (0, 0, 20, 30))
    data = encode(still, "GIF", transparency=0)
    at = data.index(b"!\xf9")
    comments = b"!\xfe" + 5000 * (b"\xff" + bytes(255)) + b"\0"
    later = b"!\xf9\4\1\0\0\1\0" + 2 * b",\0\0\0\0\1\0\1\0\0\2\0"  # another colour, and broken
    made = decode(fit(data[:at] + comments + data[at:-1] + later + b";", LIMITS, Fit.CROP), "RGBA")
    assert [made.getpixel((x, 9)) for x in (5, 25)] == [(255, 0, 0, 0), (0, 0, 255, 255)]


# Format and size


GLASS = noise(40, 30, "RGBA")


@pytest.mark.parametrize(
    ("source", "limits", "expected"),
    [
        (encode(WIDE, "JPEG"), LIMITS, ImageFormat.JPEG),
        (encode(WIDE, "PNG"), LIMITS, ImageFormat.PNG),
        (encode(WIDE, "GIF"), LIMITS, ImageFormat.PNG),
        (encode(WIDE, "WEBP"), LIMITS, ImageFormat.PNG),
        (encode(noise(400, 300), "PNG"), only(*LIMITS.formats, byte_limit=99_000), "jpeg"),
        (encode(noise(400, 300, "RGBA"), "PNG"), only(*LIMITS.formats, byte_limit=99_000), "png"),
        (encode(WIDE, "PNG"), only(ImageFormat.JPEG), ImageFormat.JPEG),
        (encode(WIDE, "JPEG"), only(ImageFormat.PNG), ImageFormat.PNG),
        (encode(WIDE, "JPEG"), only(ImageFormat.WEBP), ImageFormat.WEBP),
        (encode(WIDE, "JPEG"), only(ImageFormat.GIF), ImageFormat.GIF),
        (encode(GLASS, "PNG"), ALL_FORMATS, ImageFormat.PNG),
        (encode(GLASS, "PNG"), only(ImageFormat.JPEG, ImageFormat.WEBP), ImageFormat.WEBP),
        (encode(GLASS, "PNG"), only(ImageFormat.JPEG), ImageFormat.JPEG),
    ],
)
def test_the_format_is_the_one_a_person_would_choose(
    source: bytes, limits: ImageLimits, expected: str
) -> None:
    assert fit(source, limits, Fit.CROP).format == expected


def test_what_cannot_stay_transparent_becomes_white_and_says_so() -> None:
    clear = Image.new("RGBA", (40, 30), "#ff000000")
    made = fit(encode(clear, "PNG"), only(ImageFormat.JPEG), Fit.CROP)
    assert decode(made).getpixel((9, 9)) == (255, 255, 255)
    assert made.fitted.endswith("PNG → JPEG, quality 95, transparent parts white")


def test_alpha_that_hides_nothing_is_no_alpha() -> None:
    opaque = WIDE.copy()
    opaque.putalpha(255)
    made = fit(encode(opaque, "PNG"), only(ImageFormat.JPEG), Fit.PAD)
    assert "transparent" not in made.fitted
    assert decode(fit(encode(opaque, "PNG"), LIMITS, Fit.PAD)).mode == "RGB"


@pytest.mark.parametrize(("step", "mode"), [(8, "P"), (1, "RGB")])
def test_few_colours_take_a_palette_if_that_changes_none(step: int, mode: str) -> None:
    flag = Image.new("RGB", (600, 400), "#102030")
    for stripe in range(30):
        flag.paste((stripe * step, 3, 200), (stripe * 20, 0, stripe * 20 + 9, 400))
    made = decode(fit(encode(flag, "PNG"), LIMITS, Fit.PAD))
    assert made.mode == mode
    assert is_same(made.convert("RGB").crop((0, 100, 600, 500)), flag)


def test_the_quality_is_the_best_that_fits() -> None:
    data = encode(draw(400, 300), "JPEG", quality=95)
    top = fit(data, LIMITS, Fit.CROP)
    assert "quality 95" in top.fitted
    square = decode(data).crop((50, 0, 350, 300))
    for limit in (len(top.data), len(top.data) * 3 // 4, len(top.data) // 2):
        made = fit(data, only(ImageFormat.JPEG, byte_limit=limit), Fit.CROP)
        quality = int(made.fitted.rpartition("quality ")[2])
        assert made.side == 300
        assert 75 <= quality < 95
        better = quality + 1
        chroma = "4:4:4" if better >= 90 else "4:2:0"
        larger = encode(square, "JPEG", quality=better, subsampling=chroma)
        assert len(made.data) < limit <= len(larger)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_image_becomes_smaller_rather_than_bad(mode: str) -> None:
    data = encode(noise(400, 300, mode), "PNG")
    made = fit(data, only(*LIMITS.formats, byte_limit=30_000), Fit.CROP)
    assert 64 < made.side < 300
    assert 20_000 < len(made.data) < 30_000
    quality = made.fitted.rpartition("quality ")[2]
    assert (mode == "RGBA") == (quality == made.fitted)
    assert mode == "RGBA" or int(quality) >= 75


def test_what_would_have_to_be_tiny_is_refused() -> None:
    refused = refusal(encode(noise(400, 300), "PNG"), Fit.CROP, ImageLimits(byte_limit=900))
    assert refused.code is OutcomeCode.IMAGE_TOO_LARGE
    assert "cannot be fitted: even 64 pixels wide, a JPEG of it" in refused.sentence


# Telling


def test_what_was_changed_is_told_in_a_phrase() -> None:
    made = fit(encode(noise(1200, 900), "PNG"), LIMITS, Fit.CROP)
    size = show_size(len(made.data))
    quality = made.fitted.rpartition(" ")[2]
    assert made.fitted == (
        f"fitted: 1200×900 → 900×900, 3.2 MB → {size}, PNG → JPEG, quality {quality}"  # noqa: RUF001 - as written
    )
    turned = fit(encode(WIDE, "PNG", exif=exif(6)), LIMITS, Fit.PAD)
    assert turned.fitted.startswith("fitted: 30×40 → 40×40, ")  # noqa: RUF001 - the same


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (412_345, "412 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_449_000, "1.4 MB"),
    ],
)
def test_sizes_are_rounded_for_a_person(size: int, shown: str) -> None:
    assert show_size(size) == shown


# Bounds


def test_want_of_memory_is_not_the_images_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "crop", break_down)
    with pytest.raises(MemoryError):
        fit(encode(WIDE, "PNG"), LIMITS, Fit.CROP)


def test_a_jpeg_that_cannot_be_decoded_is_refused() -> None:
    data = encode(WIDE, "JPEG")
    at = data.index(b"\xff\xdb")
    refused = refusal(data[:at] + b"\xff\xfe" + data[at + 2 :], Fit.CROP)
    assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE
    assert "cannot be decoded" in refused.sentence
