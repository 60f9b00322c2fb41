"""WebP, by its specification (https://www.rfc-editor.org/rfc/rfc9649)."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from worker.images.formats.layout import (
    Essence,
    Layout,
    as_shown,
    bounded,
    broken,
    cut_off,
    read_orientation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ANIMATION = 0x02
_SIDE = 0x3FFF
_EXIF, _PROFILE = b"EXIF", b"ICCP"


def walk_webp(data: bytes) -> Layout:
    """Read the header; the length in it tells whether the file is whole."""
    (length,) = unpack_from("<I", data, 4)
    if len(data) < 8 + length:
        raise cut_off("it ends too early")
    animated = False
    exif = b""
    match data[12:16]:
        case b"VP8X":
            flags, *canvas = unpack_from("<B3xHBHB", data, 20)
            animated = bool(flags & _ANIMATION)
            width, height = (1 + low + (high << 16) for low, high in (canvas[:2], canvas[2:]))
            exif = _read_exif(data)
        case b"VP8L":
            (packed,) = unpack_from("<I", data, 21)
            width, height = 1 + (packed & _SIDE), 1 + (packed >> 14 & _SIDE)
        case b"VP8 ":
            width, height = (side & _SIDE for side in unpack_from("<HH", data, 26))
        case _:
            raise broken("it holds no pixels")
    return Layout(*as_shown(width, height, exif), animated, data)


def strip_webp(data: bytes) -> Essence:
    """The whole file: of its metadata the decoder reads none."""
    profile = b"".join(body for kind, body in bounded(_chunks(data)) if kind == _PROFILE)
    return Essence(data, read_orientation(_read_exif(data)), profile)


def _read_exif(data: bytes) -> bytes:
    found = (body for kind, body in bounded(_chunks(data)) if kind == _EXIF)
    return next(found, b"").removeprefix(b"Exif\0\0")  # which some writers leave in


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + unpack_from("<I", data, 4)[0]
    at = 12
    while at + 8 <= end:
        kind, length = unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : min(at + 8 + length, end)]
        at += 8 + length + length % 2
