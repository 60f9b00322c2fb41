"""Small files that are costly to decode or draw, made by code."""

from __future__ import annotations

import struct
import zlib

from PIL import Image, ImageCms

from tests.images import chunk, encode

LARGEST = 6300  # pixels; a square of this is just below 40 megapixels


def flat_png(width: int, height: int, colour: int, depth: int, *extra: bytes) -> bytes:
    """A PNG of one colour: a thousand times smaller than its pixels."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + (width * channels * depth + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def flat_webp(side: int = LARGEST) -> bytes:
    """A lossless WebP of one colour: some 40 bytes, whatever its size."""
    # Each of the five prefix codes has one symbol, which takes no bits.
    size = (side - 1) | (side - 1) << 14
    bits = size | 0 << 28 | 0 << 29
    header = b"\x2f" + struct.pack("<I", bits)
    body = header + _code_lengths()
    body += b"\0" * (len(body) % 2)
    return (
        b"RIFF"
        + struct.pack("<I", 12 + len(body))
        + b"WEBPVP8L"
        + struct.pack("<I", len(body))
        + body
    )


def _code_lengths() -> bytes:
    """No transform, no colour cache, no meta codes; five simple codes of the symbol 0."""
    bits = "000" + 5 * "1000"  # simple, one symbol, which has one bit, 0
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def slow_profile(elements: int = 40_000) -> bytes:
    """An ICC profile whose transform has so many elements, all in one place of the file."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", plain, 128)
    entries, rest = plain[132 : 132 + 12 * count], plain[132 + 12 * count :]
    moved = b"".join(
        struct.pack(">4sII", name, offset + 12, size)
        for name, offset, size in struct.iter_unpack(">4sII", entries)
    )
    matrix = (
        b"matf\0\0\0\0"
        + struct.pack(">HH", 3, 3)
        + struct.pack(">12f", *(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0))
    )
    place = 16 + 8 * elements
    transform = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, elements)
    transform += elements * struct.pack(">II", place, len(matrix)) + matrix
    at = len(plain) + 12
    table = struct.pack(">I", count + 1) + moved + struct.pack(">4sII", b"D2B0", at, len(transform))
    whole = plain[:128] + table + rest + transform
    return struct.pack(">I", len(whole)) + whole[4:]


def profiled_png(profile: bytes, width: int = 40, height: int = 30) -> bytes:
    return flat_png(width, height, 2, 8, chunk(b"iCCP", b"p\0\0" + zlib.compress(profile, 9)))


def many_scans(side: int = LARGEST, scans: int = 90, *, square: bool = False) -> bytes:
    """A progressive JPEG over which a decoder goes so many times."""
    image = Image.new("RGB", (side, side if square else side - 1), "teal")
    jpeg = encode(image, "JPEG", progressive=True, subsampling=0, quality=30)
    last_scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + (scans - jpeg.count(b"\xff\xda")) * last_scan + b"\xff\xd9"
