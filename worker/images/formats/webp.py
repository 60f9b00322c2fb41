"""WebP, by its specification (https://www.rfc-editor.org/rfc/rfc9649)."""

from collections.abc import Iterator, Sequence
from struct import unpack_from

from worker.images.formats.layout import Layout, bounded, broken, cut_off
from worker.images.formats.signature import ImageFormat

_ANIMATION = 0x02
_SIDE = 0x3FFF


def parse_webp(data: bytes) -> Layout:
    """Read the header; the length in it tells whether the file is whole."""
    end = 8 + unpack_from("<I", data, 4)[0]
    if len(data) < end:
        raise cut_off("it ends too early")
    animated = False
    exif = profile = b""
    match data[12:16]:
        case b"VP8X":
            flags, *canvas = unpack_from("<B3xHBHB", data, 20)
            width, height = (1 + low + (high << 16) for low, high in (canvas[:2], canvas[2:]))
            chunks = list(bounded(_chunks(memoryview(data), end)))
            animated = bool(flags & _ANIMATION) and not _is_still(chunks, data[24:30])
            exif = next((bytes(body) for kind, body in chunks if kind == b"EXIF"), b"")
            profile = b"".join(body for kind, body in chunks if kind == b"ICCP")
        case b"VP8L":
            (packed,) = unpack_from("<I", data, 21)
            width, height = 1 + (packed & _SIDE), 1 + (packed >> 14 & _SIDE)
        case b"VP8 ":
            width, height = (side & _SIDE for side in unpack_from("<HH", data, 26))
        case _:
            raise broken("it holds no pixels")
    exif = exif.removeprefix(b"Exif\0\0")  # which some writers leave in
    # Of the metadata in the file, the decoder reads none.
    return Layout(ImageFormat.WEBP, (width, height), (data,), data, animated, exif, profile)


def _is_still(chunks: Sequence[tuple[bytes, memoryview]], canvas: bytes) -> bool:
    """Whether an animation has one frame only, which covers the canvas."""
    frames = [body for kind, body in chunks if kind == b"ANMF"]
    return len(frames) == 1 and frames[0][:12] == bytes(6) + canvas


def _chunks(data: memoryview, end: int) -> Iterator[tuple[bytes, memoryview]]:
    at = 12
    while at + 8 <= end:
        kind, length = unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : min(at + 8 + length, end)]
        at += 8 + length + length % 2
