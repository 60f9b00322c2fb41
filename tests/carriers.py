"""Images with metadata of every kind, whose texts all hold `MARK`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from tests.icc import SRGB, matrix_profile
from tests.image_cases.others import canvas, riff
from tests.images import SAMPLE, SIDE, chunk, draw, encode, segment

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b"at home, 52.5163 N"
PROFILE = matrix_profile(lambda value: value**1.8, SRGB)
TURNED = 6

_THUMBNAIL = MARK + encode(draw(16, 16), "JPEG")
_XMP = b"<x:xmpmeta exif:GPSLatitude='" + MARK + b"'/>"
_TRAILER = b"\0\0\0\x18ftypmp42" + MARK


def exif(orientation: int) -> bytes:
    """A block with a place, a camera's notes and a thumbnail."""
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = MARK.decode()
    tags[ExifTags.Base.Orientation] = orientation
    tags[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: MARK}
    tags[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: MARK.decode()}
    return tags.tobytes() + _THUMBNAIL


def jpeg(mode: str = "RGB", orientation: int = TURNED, **options: bool) -> bytes:
    data = encode(
        SAMPLE.convert(mode),
        "JPEG",
        icc_profile=PROFILE,
        comment=MARK,
        **options,
    )
    icon = b"JFIF\0\1\2\0\0\1\0\1\4\4" + (MARK * 3)[:48]
    before = (
        (0xE0, icon),
        (0xE0, b"JFXX\0\x10" + _THUMBNAIL),
        (0xE1, exif(orientation)),  # before XMP: Firefox reads the first of them alone
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + _XMP),
        (0xE2, b"MPF\0II*\0" + MARK),
        (0xEB, b"JP\0\1jumb" + MARK),
        (0xEC, b"Ducky" + MARK),
        (0xED, b"Photoshop 3.0\x008BIM\4\4" + MARK),
        (0xEE, b"a camera's own" + MARK),
        (0xEF, MARK),
    )
    first = data.index(b"\xff\xe0") if b"\xff\xe0" in data[:4] else 2
    metadata = b"".join(segment(*each) for each in before)
    if mode == "CMYK":  # a JFIF would make it one of another kind
        metadata = metadata.removeprefix(segment(0xE0, icon))
    comment = segment(0xFE, MARK)
    return data[:first] + metadata + b"junk" + data[first:-2] + comment + data[-2:] + _TRAILER


def png(mode: str = "RGB", orientation: int = TURNED) -> bytes:
    texts = PngInfo()
    texts.add_text("Location", MARK.decode())
    texts.add_text("Comment", MARK.decode(), zip=True)
    texts.add_itxt("XML:com.adobe.xmp", _XMP.decode())
    options = {"icc_profile": PROFILE, "exif": exif(orientation), "pnginfo": texts}
    data = encode(SAMPLE.convert(mode), "PNG", **options)
    before = [
        chunk(b"sBIT", b"\5" * (3 if mode == "RGB" else 4)),
        chunk(b"tIME", b"\x07\xe8\1\1\0\0\0"),
        chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        chunk(b"prVt", MARK),
    ]
    pixels = data.index(b"IDAT") - 4
    after = chunk(b"tEXt", MARK)
    return b"".join((data[:pixels], *before, data[pixels:-12], after, data[-12:], _TRAILER))


def webp(mode: str = "RGB", orientation: int = TURNED, *, lossless: bool = False) -> bytes:
    image = SAMPLE.convert(mode)
    if mode == "RGBA":
        image.putalpha(SAMPLE.convert("L"))
    tags = exif(orientation)
    options = {"icc_profile": PROFILE, "exif": tags, "xmp": _XMP, "lossless": lossless}
    data = encode(image, "WEBP", **options)
    unknown = riff((b"what", MARK))[12:]
    size = struct.pack("<I", len(data) + len(unknown) - 8)
    return data[:4] + size + data[8:] + unknown + _TRAILER


def still_webp() -> bytes:
    """An animation of one frame, with a part of no known kind in the frame."""
    pixels = riff((b"VP8 ", encode(SAMPLE, "WEBP")[20:]), (b"what", MARK))[12:]
    frame = bytes(6) + 2 * struct.pack("<I", SIDE - 1)[:3] + b"\x64\0\0\0" + pixels
    tags = exif(TURNED)[6:]
    return riff(
        canvas(2 + 4 + 8), (b"ANIM", bytes(6)), (b"ANMF", frame), (b"EXIF", tags), (b"XMP ", _XMP)
    )


def gif() -> bytes:
    data = encode(SAMPLE.quantize(64), "GIF", comment=MARK, transparency=3)
    colours_end = 13 + 3 * 64
    texts = bytes([len(_XMP)]) + _XMP + b"\0"
    return b"".join(
        (data[:colours_end], b"!\xff\x0bXMP DataXMP", texts, data[colours_end:], _TRAILER)
    )


def _carriers() -> Iterator[tuple[str, bytes]]:
    for mode in ("RGB", "L", "CMYK"):
        yield f"JPEG {mode}", jpeg(mode)
    yield "JPEG progressive", jpeg(progressive=True)
    for mode in ("RGB", "RGBA"):
        yield f"PNG {mode}", png(mode)
        yield f"WebP {mode}", webp(mode)
    yield "WebP lossless", webp(lossless=True)
    yield "WebP of one frame", still_webp()
    yield "GIF", gif()


CARRIERS = dict(_carriers())
