"""Images made by code, ordinary and odd, for tests that judge them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDE = 48


def draw(width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Soft noise: compresses like a photograph, and is the same every time."""
    noise = Image.frombytes("RGB", (width, height), Random(7).randbytes(3 * width * height))
    return noise.filter(ImageFilter.GaussianBlur(1))


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return tags


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def insert_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + segment(marker, body) + jpeg[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    *packed: bytes, side: int = SIDE, colour: int = 2, interlaced: int = 0, before: bytes = b""
) -> bytes:
    """By hand: 8-bit pixels that the caller packed, and split as he liked."""
    header = struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, interlaced)
    pixels = b"".join(chunk(b"IDAT", part) for part in packed)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + chunk(b"IEND", b"")


def frames() -> list[Image.Image]:
    return [draw(), draw().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]


SAMPLE = draw()
ROWS = b"".join(b"\0" + SAMPLE.crop((0, y, SIDE, y + 1)).tobytes() for y in range(SIDE))
PACKED = zlib.compress(ROWS)
PACKED_GREY = zlib.compress(bytes(SIDE * (1 + SIDE)))
SPLIT = chunk(b"IDAT", b"") + chunk(b"tEXt", b"")
BASELINE = encode(SAMPLE, "JPEG")

PNGS = {
    **{
        f"png {mode}": encode(SAMPLE.convert(mode), "PNG")
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    },
    "png 16 bits": encode(SAMPLE.convert("L").convert("I;16"), "PNG"),
    "png 2 bits": encode(SAMPLE.quantize(4), "PNG", bits=2),
    "png EXIF": encode(SAMPLE, "PNG", exif=exif(6)),
    "png many chunks": png(*(PACKED[at : at + 500] for at in range(0, len(PACKED), 500))),
}
JPEGS = {
    "jpeg baseline": BASELINE,
    "jpeg progressive": encode(SAMPLE, "JPEG", progressive=True),
    "jpeg restarts": encode(SAMPLE, "JPEG", restart_marker_rows=1),
    "jpeg grey": encode(SAMPLE.convert("L"), "JPEG"),
    "jpeg CMYK": encode(SAMPLE.convert("CMYK"), "JPEG"),
    "jpeg EXIF": encode(SAMPLE, "JPEG", exif=exif(6)),
    # As cameras do: a whole JPEG, end marker and all, inside the metadata.
    "jpeg thumbnail": insert_segment(
        BASELINE, 0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + encode(draw(16, 16), "JPEG")
    ),
}
OTHERS = {
    "gif": encode(SAMPLE, "GIF"),
    "webp": encode(SAMPLE, "WEBP"),
    "webp lossless": encode(SAMPLE, "WEBP", lossless=True),
    "webp EXIF": encode(SAMPLE, "WEBP", exif=exif(6)),
}
WHOLE = {**PNGS, **JPEGS, **OTHERS}


def reseal(data: bytes) -> bytes:
    """Make the checksums of a PNG right again, so that what lies behind them is reached."""
    sealed, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        sealed.append(chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(sealed)


ANIMATED = {
    f"animated {image_format.lower()}": encode(
        frames()[0], image_format, save_all=True, append_images=frames()[1:], duration=100
    )
    for image_format in ("PNG", "GIF", "WEBP")
}


# After PngSuite (http://www.schaik.com/pngsuite/): every form a PNG's pixels may have.

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = {
    0: ((0, 0, 1, 1),),
    1: (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ),
}
_CLEAR = {0: bytes(2), 2: bytes(6), 3: b"\0\x80"}


def suite_png(
    width: int, height: int, colour: int, depth: int, interlaced: int, *extra: bytes
) -> bytes:
    """Noise of this form, every row filtered in one of the five ways; `extra` are chunks."""
    chance = Random(31 * colour + depth)
    rows = bytearray()
    for x, y, dx, dy in _PASSES[interlaced]:
        columns, lines = len(range(x, width, dx)), len(range(y, height, dy))
        for _ in range(lines if columns else 0):
            rows.append(chance.randrange(5))
            rows += chance.randbytes((columns * depth * _CHANNELS[colour] + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = chance.randbytes(3 << depth) if colour == 3 else b""
    chunks = [
        chunk(b"IHDR", header),
        *([chunk(b"PLTE", palette)] if palette else []),
        *extra,
        chunk(b"IDAT", zlib.compress(bytes(rows))),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _forms() -> Iterator[tuple[str, int, int, int, tuple[bytes, ...]]]:
    for colour, depths in _DEPTHS.items():
        for depth in depths:
            for interlaced in (0, 1):
                name = f"colour {colour}, {depth} bits{', interlaced' * interlaced}"
                yield name, colour, depth, interlaced, ()
                if colour in _CLEAR:
                    clear = chunk(b"tRNS", _CLEAR[colour])
                    yield f"{name}, tRNS", colour, depth, interlaced, (clear,)


def png_suite(width: int = 13, height: int = 13) -> dict[str, bytes]:
    """A PNG of each colour type, depth, order of rows, and kind of transparency, by name."""
    return {
        name: suite_png(width, height, colour, depth, interlaced, *extra)
        for name, colour, depth, interlaced, extra in _forms()
    }


ANCILLARY = {
    "gAMA": struct.pack(">I", 45455),
    "cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    "sRGB": b"\0",
    "sBIT": b"\5\5\5",
    "bKGD": bytes(6),
    "pHYs": struct.pack(">IIB", 2835, 2835, 1),
    "tIME": b"\x07\xe8\1\1\0\0\0",
    "tEXt": b"Title\0" + b"a" * 20_000,
    "zTXt": b"Comment\0\0" + zlib.compress(bytes(10_000_000)),
    "iTXt": b"XML:com.adobe.xmp\0\0\0\0\0<x/>",
    "iCCP": b"bomb\0\0" + zlib.compress(bytes(50_000_000)),
    "eXIf": b"no EXIF at all",
    "tRNS": b"too short",
    "vpAg": bytes(9),
}
"""Chunks that a decoder may pass over, some of them damaged or hostile."""
