"""GIF, by its specification (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from worker.images.formats.layout import Essence, Layout, broken

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAME, _EXTENSION, _END = b",!;"
_GRAPHIC_CONTROL = 0xF9  # which colour is transparent, for the frame that follows
_HAS_COLOURS, _COLOURS = 0x80, 0x07


def walk_gif(data: bytes) -> Layout:
    """Follow the blocks to the last; more than one frame is an animation."""
    width, height = unpack_from("<HH", data, 6)
    frames = 0
    for start, _ in _blocks(data):
        if data[start] == _FRAME:
            left, top, across, down = unpack_from("<HHHH", data, start + 1)
            if left + across > width or top + down > height:
                raise broken("a frame is larger than the picture")
            frames += 1
    if not frames:
        raise broken("it holds no frame")
    return Layout(width, height, frames > 1, data)


def strip_gif(data: bytes) -> Essence:
    """Keep the first frame, and nothing else that may come before or after it."""
    control = b""
    start = end = 0
    for start, end in _blocks(data):
        if data[start] == _FRAME:
            break
        if data[start + 1] == _GRAPHIC_CONTROL:
            control = data[start:end]
    return Essence(data[: _colours_end(data)] + control + data[start:end] + bytes([_END]))


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each frame and each extension begins and ends."""
    at = _colours_end(data)
    while data[at] != _END:
        start = at
        if data[at] == _FRAME:
            at += 11 + _colours_length(data[at + 9])
        elif data[at] == _EXTENSION:
            at += 2
        else:
            raise broken("one of its parts is of no known kind")
        while data[at]:
            at += 1 + data[at]
        at += 1
        yield start, at


def _colours_end(data: bytes) -> int:
    """Where the header and the colours of the whole picture end."""
    return 13 + _colours_length(data[10])


def _colours_length(flags: int) -> int:
    return 3 << 1 + (flags & _COLOURS) if flags & _HAS_COLOURS else 0
