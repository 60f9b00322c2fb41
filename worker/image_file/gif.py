"""GIF, by its specification (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from __future__ import annotations

from struct import unpack_from

from worker.image_file.layout import Layout, broken

_FRAME, _EXTENSION, _END = b",!;"
_HAS_COLOURS, _COLOURS = 0x80, 0x07


def walk_gif(data: bytes) -> Layout:
    """Follow the blocks to the last; more than one frame is an animation."""
    width, height, flags = unpack_from("<HHB", data, 6)
    at = 13 + _colours_length(flags)
    frames = 0
    while data[at] != _END:
        if data[at] == _FRAME:
            left, top, across, down, flags = unpack_from("<HHHHB", data, at + 1)
            if left + across > width or top + down > height:
                raise broken("a frame is larger than the picture")
            frames += 1
            at += 11 + _colours_length(flags)
        elif data[at] == _EXTENSION:
            at += 2
        else:
            raise broken("one of its parts is of no known kind")
        while data[at]:
            at += 1 + data[at]
        at += 1
    if not frames:
        raise broken("it holds no frame")
    return Layout(width, height, frames > 1, data)


def _colours_length(flags: int) -> int:
    return 3 << 1 + (flags & _COLOURS) if flags & _HAS_COLOURS else 0
