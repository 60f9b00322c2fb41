"""GIF, by its specification (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from collections.abc import Iterator
from struct import unpack_from

from worker.images.formats.layout import Layout, broken
from worker.images.formats.signature import ImageFormat

_FRAME, _EXTENSION, _END = b",!;"
_GRAPHIC_CONTROL = 0xF9  # which colour is transparent, for the frame that follows
_HAS_COLOURS, _COLOURS = 0x80, 0x07


def parse_gif(data: bytes) -> Layout:
    """Follow the blocks to the last; more than one frame is an animation."""
    width, height = unpack_from("<HH", data, 6)
    colours_end = 13 + _colours_length(data[10])
    control = first_frame = memoryview(b"")
    frames = 0
    for block in _blocks(memoryview(data), colours_end):
        if block[0] == _FRAME:
            left, top, across, down = unpack_from("<HHHH", block, 1)
            if left + across > width or top + down > height:
                raise broken("a frame is larger than the image")
            first_frame = block if not frames else first_frame
            frames += 1
        elif not frames and block[1] == _GRAPHIC_CONTROL:
            control = block
    if not frames:
        raise broken("it holds no frame")
    drawn = (data[:colours_end], control, first_frame, bytes([_END]))
    return Layout(ImageFormat.GIF, (width, height), drawn, data, animated=frames > 1)


def _blocks(data: memoryview, start: int) -> Iterator[memoryview]:
    """Every frame and every extension."""
    while data[start] != _END:
        if data[start] == _FRAME:
            at = start + 11 + _colours_length(data[start + 9])
        elif data[start] == _EXTENSION:
            at = start + 2
        else:
            raise broken("one of its parts is of no known kind")
        while data[at]:
            at += 1 + data[at]
        yield data[start : at + 1]
        start = at + 1


def _colours_length(flags: int) -> int:
    return 3 << 1 + (flags & _COLOURS) if flags & _HAS_COLOURS else 0
