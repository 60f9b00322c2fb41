"""PNG, by its specification (https://www.w3.org/TR/png-3/), and as browsers read it.

Browsers are strict up to the first pixels. Behind the last row they pass over nearly everything,
and metadata with a wrong checksum they ignore anywhere.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from struct import Struct, pack, unpack_from
from typing import NamedTuple

from worker.images.formats.colours import COLOUR_CHUNKS, png_colours
from worker.images.formats.layout import Layout, bounded, broken, cut_off
from worker.images.formats.signature import ImageFormat

_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}  # others with a capital forbid display
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED = 3
_HEADER_BYTES = 13
_PALETTE_BYTES = range(1, 3 * 256 + 1)
_CLEAR_BYTES = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}  # of `tRNS`, by colour type
_WHOLE = ((0, 0, 1, 1),)  # a pass: its first column and row, and the steps to its next ones
_INTERLACED = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_READ = {b"eXIf", b"iCCP", *COLOUR_CHUNKS}
_LARGEST = (1 << 31) - 1  # of what a number in a PNG may be
_ANIMATION = Struct(">II")  # `acTL`: frames and plays
_FRAME = Struct(">5I4xBB")  # `fcTL`: its number, width, height, place, disposal and blending
_DISPOSALS, _BLENDINGS = range(3), range(2)
END = b"\0\0\0\0IEND\xaeB`\x82"


class Chunk(NamedTuple):
    """A chunk; the last one of a file that was cut is shorter than it says."""

    kind: bytes
    body: memoryview
    whole: memoryview
    is_closed: bool
    is_sound: bool  # its checksum is right


def parse_png(data: bytes) -> Layout:
    """Check every chunk that browsers do; `prove_rows` proves the rows in them."""
    before, pixels, after = split(data)
    width, height, depth, colour, packing, filtering, interlace = _header(before)
    is_known = depth in _DEPTHS.get(colour, ()) and not packing and not filtering
    if not is_known or interlace > 1:
        raise broken("its header makes no sense")
    _check_tail(after)
    rows = tuple(
        (_ceil(height - y, dy), 1 + _ceil(_ceil(width - x, dx) * depth * _CHANNELS[colour], 8))
        for x, y, dx, dy in (_INTERLACED if interlace else _WHOLE)
        if x < width and y < height
    )
    metadata = {chunk.kind: bytes(chunk.body) for chunk in reversed(before) if _is_read(chunk)}
    palette = _palette(before, colour)
    return Layout(
        ImageFormat.PNG,
        (width, height),
        drawn=[data[:8], before[0].whole, *palette, *map(_closed, pixels), END],
        animated=_moves(before, after, (width, height)),
        exif=metadata.get(b"eXIf", b""),
        profile=metadata.get(b"iCCP", b""),
        colours=png_colours(metadata),
        bits=depth,
        rows=rows,
        packed=[chunk.body for chunk in pixels],
        is_checked=all(chunk.is_sound or not chunk.is_closed for chunk in pixels),
        is_open=not pixels[-1].is_closed,
    )


def _chunks(data: memoryview) -> Iterator[Chunk]:
    """Every chunk, to the last or to the file's end."""
    kind, at = b"", 8
    while kind != b"IEND" and at + 8 <= len(data):
        length, kind = unpack_from(">I4s", data, at)
        if length > _LARGEST:
            raise broken("one of its parts is of an impossible length")
        whole = data[at : at + 12 + length]
        is_closed = len(whole) == 12 + length
        is_sound = is_closed and zlib.crc32(whole[4:-4]) == unpack_from(">I", whole, 8 + length)[0]
        yield Chunk(kind, whole[8 : 8 + length], whole, is_closed, is_sound)
        at += 12 + length


def split(data: bytes) -> tuple[list[Chunk], list[Chunk], list[Chunk]]:
    """The chunks before the pixels, those with the pixels, and those behind them.

    Raises:
        ImageRejected: it has no pixels, or too many parts.
    """
    chunks = list(bounded(_chunks(memoryview(data))))
    kinds = [chunk.kind for chunk in chunks]
    if b"IDAT" not in kinds:
        if b"IEND" in kinds and chunks[-1].is_closed:
            raise broken("it holds no pixels")
        raise cut_off("it ends too early")
    runs = [list(run) for _, run in groupby(chunks, lambda chunk: chunk.kind == b"IDAT")]
    before = [] if kinds[0] == b"IDAT" else runs.pop(0)
    return before, runs[0], [chunk for run in runs[1:] for chunk in run]


def _header(before: Sequence[Chunk]) -> tuple[int, ...]:
    """The fields of `IHDR`, once all chunks up to the pixels were checked."""
    for chunk in before:
        kind = chunk.kind
        if not kind.isalpha() or kind[2:3].islower() or _forbids_display(kind):
            raise broken("one of its parts is of no known kind")
        if kind in _CRITICAL and not chunk.is_sound:
            raise cut_off("a checksum does not match")
    kinds = [chunk.kind for chunk in before]
    if kinds[:1] != [b"IHDR"]:
        raise broken("its header does not come first")
    if kinds.count(b"IHDR") > 1 or kinds.count(b"PLTE") > 1:  # decoders differ in which they use
        raise broken("one of its parts comes twice")
    if len(before[0].body) != _HEADER_BYTES:
        raise broken("its header makes no sense")
    header: tuple[int, ...] = unpack_from(">IIBBBBB", before[0].body)
    return header


def _forbids_display(kind: bytes) -> bool:
    is_critical = not kind[0] & 0x20
    return is_critical and kind not in _CRITICAL


def _check_tail(after: Sequence[Chunk]) -> None:
    """Check what follows the pixels: browsers pass over all that is damaged or out of place."""
    for chunk in after:
        if chunk.is_sound and (_forbids_display(chunk.kind) or chunk.kind == b"IHDR"):
            raise broken("one of its parts is of no known kind, or out of place")


def _is_read(chunk: Chunk) -> bool:
    return chunk.is_sound and chunk.kind in _READ


def _palette(before: Sequence[Chunk], colour: int) -> list[memoryview]:
    """The palette if it has one, and what is transparent, if that is said as it should be."""
    places = {chunk.kind: at for at, chunk in reversed(list(enumerate(before))) if chunk.is_sound}
    palette, clear = (
        before[places[kind]] if kind in places else None for kind in (b"PLTE", b"tRNS")
    )
    if palette and len(palette.body) not in _PALETTE_BYTES:
        raise broken("its palette makes no sense")
    found = []
    if colour == _INDEXED:
        if not palette or len(palette.body) % 3:
            raise broken("it has no palette")
        found.append(palette.whole)
        if clear and places[b"tRNS"] < places[b"PLTE"]:
            clear = None
    if clear and len(clear.body) in _CLEAR_BYTES.get(colour, ()):
        found.append(clear.whole)
    return found


def _closed(chunk: Chunk) -> bytes | memoryview:
    """The chunk as its header says; decoders do not check the checksum of pixels."""
    if chunk.is_closed:
        return chunk.whole
    return b"".join((pack(">I4s", len(chunk.body), chunk.kind), chunk.body, bytes(4)))


def _moves(before: Sequence[Chunk], after: Sequence[Chunk], size: tuple[int, int]) -> bool:
    """Whether it is an animation, or its frames make so little sense that browsers show none.

    It is a still image if only one frame is announced, if only one is there, or if the
    announcement does not stand before the pixels, where it means nothing.
    """
    bodies = [chunk.body for chunk in before if chunk.kind == b"acTL"]
    announced = [body for body in bodies if len(body) == _ANIMATION.size]
    frames, plays = _ANIMATION.unpack(announced[0]) if announced else (0, 0)
    if not frames:
        return False
    # Browsers show the first frame. It must be the image itself, and not one behind it.
    first = next((chunk for chunk in before if chunk.kind == b"fcTL"), None)
    if not first or not first.is_sound or len(first.body) != _FRAME.size:
        return True
    *place, disposal, blending = _FRAME.unpack(first.body)
    is_known = disposal in _DISPOSALS and blending in _BLENDINGS
    if place != [0, *size, 0, 0] or not is_known or max(frames, plays) > _LARGEST:
        return True
    return frames > 1 and any(chunk.kind == b"fdAT" for chunk in after)


def unpack_profile(body: bytes, most: int) -> bytes:
    """The profile in an `iCCP` chunk; nothing if it is damaged or has more than `most` bytes."""
    _, _, packed = body.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], most)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
