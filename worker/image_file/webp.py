"""WebP, by its specification (https://www.rfc-editor.org/rfc/rfc9649)."""

from __future__ import annotations

from struct import unpack_from

from worker.image_file.layout import Layout, broken, cut_off

_ANIMATION = 0x02
_SIDE = 0x3FFF


def walk_webp(data: bytes) -> Layout:
    """Read the header; the length in it tells whether the file is whole."""
    (length,) = unpack_from("<I", data, 4)
    if len(data) < 8 + length:
        raise cut_off("it ends too early")
    animated = False
    match data[12:16]:
        case b"VP8X":
            flags, *canvas = unpack_from("<B3xHBHB", data, 20)
            animated = bool(flags & _ANIMATION)
            width, height = (1 + low + (high << 16) for low, high in (canvas[:2], canvas[2:]))
        case b"VP8L":
            (packed,) = unpack_from("<I", data, 21)
            width, height = 1 + (packed & _SIDE), 1 + (packed >> 14 & _SIDE)
        case b"VP8 ":
            width, height = (side & _SIDE for side in unpack_from("<HH", data, 26))
        case _:
            raise broken("it holds no pixels")
    return Layout(width, height, animated, data)
