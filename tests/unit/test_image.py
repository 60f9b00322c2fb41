from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image

from facelift.codes import OutcomeCode
from tests.images import (
    BASELINE,
    JPEGS,
    OTHERS,
    PACKED,
    PACKED_GREY,
    PNGS,
    ROWS,
    SAMPLE,
    SIDE,
    SPLIT,
    WHOLE,
    chunk,
    draw,
    encode,
    exif,
    frames,
    insert_segment,
    png,
    segment,
)
from worker.errors import ImageRejected
from worker.images import validate as image_module
from worker.images.formats import ImageFormat, parse
from worker.images.openers import OPENERS
from worker.images.validate import ImageLimits, ValidImage, validate

LIMITS = ImageLimits()
ALL_FORMATS = ImageLimits(formats=frozenset(ImageFormat))


def refusal(data: bytes, limits: ImageLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        validate(data, limits)
    return caught.value


def pixels(data: bytes) -> bytes:
    with Image.open(BytesIO(b"".join(parse(data, ImageFormat.PNG).drawn))) as image:
        return image.convert("RGBA").tobytes()


# What passes


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_square_image_passes_as_it_is(kind: str) -> None:
    expected = ImageFormat(kind.split(maxsplit=1)[0])
    valid = validate(WHOLE[kind], ALL_FORMATS)
    assert valid == ValidImage(WHOLE[kind], expected, SIDE)
    assert valid.content_type == f"image/{expected}"


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 21])
def test_interlaced_png_passes(side: int) -> None:
    passes = ("16462646", "7" * 8, "56" * 4, "7" * 8, "36463646", "7" * 8, "56" * 4, "7" * 8)
    pixels = [[passes[y % 8][x % 8] for x in range(side)] for y in range(side)]
    rows = (b"\0" + bytes(3 * row.count(n)) for n in "1234567" for row in pixels if n in row)
    data = png(zlib.compress(b"".join(rows)), side=side, interlaced=1)
    with Image.open(BytesIO(data)) as opened:
        opened.load()
    assert validate(data, LIMITS).side == side


@pytest.mark.parametrize("side", [1, 3, 9, 17])
def test_odd_sides_pass(side: int) -> None:
    for mode in ("1", "P", "RGB"):
        assert validate(encode(draw(side, side).convert(mode), "PNG"), LIMITS).side == side
    assert validate(encode(draw(side, side), "JPEG"), LIMITS).side == side


def test_a_phones_multi_picture_jpeg_counts_as_its_first_image() -> None:
    first, second = frames()
    data = encode(first, "MPO", save_all=True, append_images=[second])
    with Image.open(BytesIO(data)) as opened:
        assert opened.format == "MPO"
    assert validate(data, LIMITS).format is ImageFormat.JPEG
    end_of_first = data.index(b"\xff\xd9") + 2
    assert refusal(data[: end_of_first - 1]).code is OutcomeCode.IMAGE_TRUNCATED


@pytest.mark.parametrize("kind", ["png RGB", "jpeg baseline"])
def test_what_follows_the_images_end_is_not_looked_at(kind: str) -> None:
    data = WHOLE[kind] + b"a phone's own notes"
    assert validate(data, LIMITS).data == data


def test_damaged_exif_is_not_read() -> None:
    entry = struct.pack("<HHII", 0x011A, 5, 0x0FFFFFFF, 0x0FFFFFFF)
    damaged = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry  # Pillow warns of it
    without_jfif = BASELINE[:2] + BASELINE[20:]
    assert validate(insert_segment(without_jfif, 0xE1, damaged), LIMITS).side == SIDE


# Size


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    for decoder in ("_decode", "_prove_segments", "prove_rows"):
        monkeypatch.setattr(image_module, decoder, lambda *_: pytest.fail("decoded"))


def test_an_empty_file_is_called_empty() -> None:
    assert refusal(b"").code is OutcomeCode.IMAGE_EMPTY


def test_size_must_be_under_the_limit() -> None:
    assert validate(BASELINE, ImageLimits(byte_limit=len(BASELINE) + 1)).data == BASELINE
    refused = refusal(BASELINE, ImageLimits(byte_limit=len(BASELINE)))
    assert refused.code is OutcomeCode.IMAGE_TOO_LARGE
    assert f"{len(BASELINE):,} bytes" in refused.sentence
    assert f"fewer than {len(BASELINE):,}" in refused.sentence


@pytest.mark.parametrize("kind", ["png RGB", "jpeg baseline", "gif", "webp"])
def test_pixel_limit_is_inclusive(kind: str) -> None:
    at_limit = ImageLimits(pixel_limit=SIDE * SIDE, formats=ALL_FORMATS.formats)
    assert validate(WHOLE[kind], at_limit).side == SIDE


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("kind", ["png RGB", "jpeg baseline", "gif", "webp"])
def test_too_many_pixels_are_refused_before_decoding(kind: str) -> None:
    below = ImageLimits(pixel_limit=SIDE * SIDE - 1, formats=ALL_FORMATS.formats)
    refused = refusal(WHOLE[kind], below)
    assert refused.code is OutcomeCode.IMAGE_TOO_MANY_PIXELS
    assert "48×48 pixels, 2,304 in all; at most 2,303 " in refused.sentence  # noqa: RUF001 - as written


@pytest.mark.parametrize("kind", ["png RGB", "jpeg baseline", "gif"])
def test_pillows_own_process_wide_limit_plays_no_part(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert validate(WHOLE[kind], ALL_FORMATS).side == SIDE


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("marker", [0xC0, 0xC2, 0xDE])
def test_a_second_frame_header_in_a_jpeg_cannot_hide_its_size(marker: int) -> None:
    small = segment(marker, struct.pack(">BHHB9x", 8, 16, 16, 3))
    for at in (BASELINE.index(b"\xff\xc0"), BASELINE.index(b"\xff\xda")):
        refused = refusal(BASELINE[:at] + small + BASELINE[at:])
        assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE
        assert "2 frames" in refused.sentence


@pytest.mark.usefixtures("no_decoding")
def test_a_gif_whose_frame_is_larger_than_itself_is_refused() -> None:
    gif = OTHERS["gif"]
    at = gif.index(struct.pack("<cHHHH", b",", 0, 0, SIDE, SIDE))
    large = gif[:at] + struct.pack("<cHHHH", b",", 0, 0, SIDE, 60000) + gif[at + 9 :]
    refused = refusal(large, ALL_FORMATS)
    assert "a frame is larger than the image" in refused.sentence


# Square


@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    ("orientation", "shown"),
    [(1, "40×30"), (3, "40×30"), (6, "30×40"), (8, "30×40")],  # noqa: RUF001 - as written
)
def test_an_image_that_is_not_square_is_refused_with_its_size_as_shown(
    image_format: str, orientation: int, shown: str
) -> None:
    refused = refusal(encode(draw(40, 30), image_format, exif=exif(orientation)))
    assert refused.code is OutcomeCode.IMAGE_NOT_SQUARE
    assert refused.sentence == f"The image is {shown} pixels; it must be exactly square."


def test_exif_in_either_byte_order_is_heeded() -> None:
    image = encode(draw(40, 30), "JPEG")
    for mark, order in ((b"II*\0", "<"), (b"MM\0*", ">")):
        tags = struct.pack(f"{order}IHHHIH2x", 8, 1, 0x0112, 3, 1, 6)
        turned = insert_segment(image, 0xE1, b"Exif\0\0" + mark + tags)
        assert "30×40" in refusal(turned).sentence  # noqa: RUF001 - as written


def test_one_pixel_off_is_not_square() -> None:
    assert refusal(encode(draw(48, 47), "PNG")).code is OutcomeCode.IMAGE_NOT_SQUARE


# Format


@pytest.mark.parametrize(
    "data",
    [b"a note, not an image", b"<!DOCTYPE html><p>Not found", b"BM is no bitmap by itself", b"\0"],
)
def test_what_is_no_image_is_called_so(data: bytes) -> None:
    assert refusal(data).code is OutcomeCode.IMAGE_NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("GIF", OTHERS["gif"]),
        ("WebP", OTHERS["webp"]),
        ("BMP", encode(SAMPLE, "BMP")),
        ("TIFF", encode(SAMPLE, "TIFF")),
        ("TIFF", b"MM\0*\0\0\0\x08"),
        ("ICO", encode(SAMPLE, "ICO")),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("JPEG XL", b"\xff\x0a\x01"),
        ("AVIF", b"\0\0\0\x20ftypavif"),
        ("HEIC", b"\0\0\0\x18ftypheic"),
        ("Photoshop", b"8BPS\0\x01"),
        ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("SVG", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg></svg>"),
    ],
)
def test_another_format_is_named_and_so_are_the_allowed_ones(name: str, data: bytes) -> None:
    refused = refusal(data)
    assert refused.code is OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED
    assert f"is {name}; it must be JPEG or PNG." in refused.sentence


def test_a_format_is_refused_when_settings_leave_it_out() -> None:
    only_png = ImageLimits(formats=frozenset({ImageFormat.PNG}))
    assert refusal(BASELINE, only_png).code is OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP"])
def test_an_animated_image_is_refused(image_format: str) -> None:
    first, second = frames()
    data = encode(first, image_format, save_all=True, append_images=[second], duration=100)
    assert refusal(data, ALL_FORMATS).code is OutcomeCode.IMAGE_ANIMATED


# Whole


def needed(kind: str) -> int:
    """How many bytes of it browsers cannot do without: of a PNG, those up to its last row."""
    data = WHOLE[kind]
    return data.rindex(b"IDAT") if kind in PNGS else len(data) - (kind == "gif")


@pytest.mark.parametrize("kind", WHOLE)
def test_an_image_cut_in_what_is_shown_of_it_is_refused(kind: str) -> None:
    whole = WHOLE[kind]
    for length in range(16, needed(kind)):
        assert refusal(whole[:length], ALL_FORMATS).code is OutcomeCode.IMAGE_TRUNCATED, length
    for length in range(16):
        refusal(whole[:length], ALL_FORMATS)


@pytest.mark.parametrize("kind", PNGS)
def test_a_png_cut_anywhere_is_refused_or_shows_the_same_pixels(kind: str) -> None:
    whole = WHOLE[kind]
    for length in range(16, len(whole)):
        with suppress(ImageRejected):
            validate(whole[:length], LIMITS)
            assert pixels(whole[:length]) == pixels(whole)
    assert validate(whole[:-12], LIMITS).side == SIDE


@pytest.mark.parametrize("kind", PNGS | JPEGS)
def test_an_image_whose_tail_was_never_written_is_refused(kind: str) -> None:
    whole = WHOLE[kind]
    for length in range(16, needed(kind) - 1, 7):
        refusal(whole[:length] + bytes(len(whole) - length))


def test_a_jpeg_cut_where_another_begins_is_refused() -> None:
    pixels_begin = BASELINE.index(b"\xff\xda") + 14
    for length in range(pixels_begin, len(BASELINE) - 1, 7):
        refused = refusal(BASELINE[:length] + BASELINE)
        assert refused.code is OutcomeCode.IMAGE_TRUNCATED
        assert "another image begins" in refused.sentence


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(PACKED[:-4] + b"\0\0\0\0"), OutcomeCode.IMAGE_TRUNCATED),
        (png(PACKED[:-4]), OutcomeCode.IMAGE_TRUNCATED),
        (png(PACKED[:99], PACKED[199:]), OutcomeCode.IMAGE_TRUNCATED),
        (png(zlib.compress(ROWS[:-1])), OutcomeCode.IMAGE_TRUNCATED),
        (png(), OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (png(zlib.compress(b"\x05" + ROWS[1:])), OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (png(PACKED_GREY, colour=3), OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (png(PACKED, colour=5), OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (png(b"", side=0), OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (png(PACKED, before=chunk(b"NEED", b"")), OutcomeCode.IMAGE_NOT_AN_IMAGE),
        (png(PACKED, before=SPLIT), OutcomeCode.IMAGE_TRUNCATED),
        (png(PACKED).replace(b"\xd8`n\xd0", b"\xd8`n\xd1", 1), OutcomeCode.IMAGE_TRUNCATED),
    ],
    ids=[
        "wrong Adler-32",
        "no Adler-32",
        "a chunk is missing",
        "a pixel is missing",
        "no pixels",
        "unknown filter",
        "no palette",
        "unknown colour type",
        "no side",
        "unknown critical chunk",
        "pixels in two places",
        "wrong CRC",
    ],
)  # fmt: skip
def test_a_png_that_is_not_sound_is_refused(data: bytes, code: OutcomeCode) -> None:
    assert refusal(data).code is code


def test_a_png_with_any_bit_flipped_is_refused_or_shows_the_same_pixels() -> None:
    whole = encode(draw(12, 12), "PNG")
    passed = 0
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with suppress(ImageRejected):
            validate(bytes(flipped), LIMITS)
            assert pixels(bytes(flipped)) == pixels(whole)
            passed += 1
    assert passed < 8 * 24, "more than the last 24 bytes are not needed"


@pytest.mark.usefixtures("no_decoding")
def test_a_gif_without_a_frame_is_refused() -> None:
    refused = refusal(b"GIF89a" + struct.pack("<HHBBB", SIDE, SIDE, 0, 0, 0) + b";", ALL_FORMATS)
    assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE


@pytest.mark.usefixtures("no_decoding")
def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    progressive = JPEGS["jpeg progressive"]
    last_scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    refused = refusal(progressive[:-2] + 100 * last_scan + b"\xff\xd9")
    assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE
    assert "110 scans" in refused.sentence


@pytest.mark.parametrize("needed", ["brightness", "colour"])
def test_a_jpeg_that_cannot_be_decoded_is_refused(needed: str) -> None:
    table = b"\xff\xdb"  # quantisation, one for each
    at = BASELINE.index(table) if needed == "brightness" else BASELINE.rindex(table)
    refused = refusal(BASELINE[:at] + b"\xff\xfe" + BASELINE[at + 2 :])
    assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE
    assert isinstance(refused.__cause__, OSError)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_passes_only_if_all_of_it_can_be_decoded(kind: str) -> None:
    whole = JPEGS[kind]
    for at in range(2, len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        with suppress(ImageRejected):
            validate(bytes(flipped), LIMITS)
            with Image.open(
                BytesIO(b"".join(parse(bytes(flipped), ImageFormat.JPEG).drawn))
            ) as image:
                image.load()


def test_a_marker_without_meaning_in_a_jpegs_coded_data_is_refused() -> None:
    restarts = JPEGS["jpeg restarts"]
    at = restarts.index(b"\xff\xd0")
    assert validate(restarts[:at] + b"\xff\x01" + restarts[at:], LIMITS).side == SIDE
    refused = refusal(restarts[:at] + b"\xff\x61\0\2" + restarts[at:])
    assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE
    assert "its marker 61 has no meaning" in refused.sentence


@pytest.mark.parametrize(
    "error", [ValueError, SyntaxError, struct.error, OSError, EOFError, IndexError, OverflowError]
)
def test_whatever_pillow_raises_becomes_a_rejection(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_: object) -> None:
        raise error

    monkeypatch.setitem(OPENERS, ImageFormat.WEBP, break_down)
    refused = refusal(WHOLE["webp"], ALL_FORMATS)
    assert refused.code is OutcomeCode.IMAGE_NOT_AN_IMAGE
    assert isinstance(refused.__cause__, error)


def test_want_of_memory_is_not_the_images_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_: object) -> None:
        raise MemoryError

    monkeypatch.setitem(OPENERS, ImageFormat.WEBP, break_down)
    with pytest.raises(MemoryError):
        validate(WHOLE["webp"], ALL_FORMATS)


def test_segments_that_were_decoded_before_are_not_decoded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, large = (encode(draw(side, side), "JPEG") for side in (20, 60))
    validate(small, LIMITS)
    monkeypatch.setitem(OPENERS, ImageFormat.JPEG, lambda _: pytest.fail("decoded"))
    assert validate(large, LIMITS).side == 60


def test_segments_that_were_refused_are_refused_again() -> None:
    data = BASELINE.replace(b"\xff\xdb", b"\xff\xfe")
    for _ in range(2):
        assert refusal(data).code is OutcomeCode.IMAGE_NOT_AN_IMAGE


def test_segments_beyond_the_usual_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    data = insert_segment(BASELINE, 0xEE, bytes(2_000))
    validate(data, LIMITS)
    monkeypatch.setitem(OPENERS, ImageFormat.JPEG, lambda _: pytest.fail("decoded"))
    with pytest.raises(pytest.fail.Exception):
        validate(data, LIMITS)


def test_many_threads_get_the_answers_of_one() -> None:
    cases = [*WHOLE.values(), *(data[:-9] for data in WHOLE.values())] * 10

    def answer(data: bytes) -> object:
        try:
            return validate(data, ALL_FORMATS)
        except ImageRejected as rejected:
            return rejected.code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, cases)) == [answer(data) for data in cases]


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (100, 75)], ids=str)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_restart_markers_of_every_coding_are_counted_right(
    size: tuple[int, int],
    mode: str,
    subsampling: str,
    progressive: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    image = draw(*size).convert(mode)
    options = {"subsampling": subsampling, "progressive": progressive}
    for interval in (1, 3, 7):
        data = encode(image, "JPEG", restart_marker_blocks=interval, **options)
        assert parse(data, ImageFormat.JPEG).stored_size == size
