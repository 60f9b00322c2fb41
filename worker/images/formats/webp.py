"""WebP, by its specification (https://www.rfc-editor.org/rfc/rfc9649)."""

from collections.abc import Iterator, Sequence
from struct import unpack_from

from worker.images.formats.layout import Layout, bounded, broken, cut_off
from worker.images.formats.signature import ImageFormat

EXIF_PREFIX = b"Exif\0\0"
"""What some writers leave before the EXIF block, as in a JPEG."""

FRAME_HEADER = 16
"""Bytes of an `ANMF` before the parts in it."""

_ANIMATION = 0x02
_SIDE = 0x3FFF


def parse_webp(data: bytes) -> Layout:
    """Read the header; the length in it tells whether the file is whole."""
    if len(data) < _end(data):
        raise cut_off("it ends too early")
    animated = False
    exif = profile = b""
    match data[12:16]:
        case b"VP8X":
            flags, *canvas = unpack_from("<B3xHBHB", data, 20)
            width, height = (1 + low + (high << 16) for low, high in (canvas[:2], canvas[2:]))
            found = list(bounded(parts(data)))
            animated = bool(flags & _ANIMATION) and not _is_still(found, data[24:30])
            exif = next((bytes(body) for kind, body in found if kind == b"EXIF"), b"")
            profile = b"".join(body for kind, body in found if kind == b"ICCP")
        case b"VP8L":
            (packed,) = unpack_from("<I", data, 21)
            width, height = 1 + (packed & _SIDE), 1 + (packed >> 14 & _SIDE)
        case b"VP8 ":
            width, height = (side & _SIDE for side in unpack_from("<HH", data, 26))
        case _:
            raise broken("it holds no pixels")
    exif = exif.removeprefix(EXIF_PREFIX)
    # Of the metadata in the file, the decoder reads none.
    return Layout(ImageFormat.WEBP, (width, height), (data,), data, animated, exif, profile)


def _is_still(found: Sequence[tuple[bytes, memoryview]], canvas: bytes) -> bool:
    """Whether an animation has one frame only, which covers the canvas."""
    frames = [body for kind, body in found if kind == b"ANMF"]
    return len(frames) == 1 and frames[0][:12] == bytes(6) + canvas


def parts(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The kind and body of every part of a file."""
    return _parts(memoryview(data), 12, _end(data))


def frame_parts(frame: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The kind and body of every part of a frame, behind its header."""
    return _parts(frame, FRAME_HEADER, len(frame))


def _parts(data: memoryview, at: int, end: int) -> Iterator[tuple[bytes, memoryview]]:
    while at + 8 <= end:
        kind, length = unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : min(at + 8 + length, end)]
        at += 8 + length + length % 2


def _end(data: bytes) -> int:
    end: int = 8 + unpack_from("<I", data, 4)[0]
    return end
