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
    """Every frame and every extension; behind the first frame, browsers need no end."""
    is_shown = False
    while not (is_shown and start == len(data)) and data[start] != _END:
        kind = data[start]
        if kind not in {_FRAME, _EXTENSION}:
            if is_shown:
                return
            raise broken("one of its parts is of no known kind")
        try:
            end = _end_of_block(data, start)
        except IndexError:
            if is_shown and kind == _EXTENSION:
                return
            raise
        yield data[start:end]
        is_shown = is_shown or kind == _FRAME
        start = end


def _end_of_block(data: memoryview, start: int) -> int:
    at = start + 2 if data[start] == _EXTENSION else start + 11 + _colours_length(data[start + 9])
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _colours_length(flags: int) -> int:
    return 3 << 1 + (flags & _COLOURS) if flags & _HAS_COLOURS else 0
