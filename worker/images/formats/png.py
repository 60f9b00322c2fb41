"""PNG, by its specification (https://www.w3.org/TR/png-3/)."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from struct import unpack_from

from worker.images.formats.layout import Layout, bounded, broken, cut_off
from worker.images.formats.signature import ImageFormat

_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}  # others with a capital forbid display
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED = 3
_HEADER_BYTES = 13
_PALETTE_BYTES = range(3, 3 * 256 + 1, 3)
_LAST_FILTER = 4
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
_DRAWN = _CRITICAL | {b"tRNS"}
_READ = {b"IHDR", b"PLTE", b"IEND", b"eXIf", b"iCCP"}
_PACKED_BLOCK = 1 << 16  # bytes; as much as is handed to the unpacker at once
_BLOCK = 1 << 20  # bytes; as much as comes out of it at once


def parse_png(data: bytes) -> Layout:
    """Check every chunk up to the last; `prove_rows` proves the rows in them.

    Any animation chunk makes it an animated image.
    """
    chunks = list(bounded(_chunks(memoryview(data))))
    kinds = [kind for kind, _ in chunks]
    order = [kind for kind, _ in groupby(kinds)]
    first = {kind: chunk[8:-4] for kind, chunk in reversed(chunks) if kind in _READ}
    if order[0] != b"IHDR":
        raise broken("its header does not come first")
    if kinds.count(b"IHDR") > 1 or kinds.count(b"PLTE") > 1:  # decoders differ in which they use
        raise broken("one of its parts comes twice")
    if order.count(b"IDAT") != 1:
        raise broken("its pixels are not in one place")
    width, height, depth, colour, packing, filtering, interlace = unpack_from(
        ">IIBBBBB", first[b"IHDR"]
    )
    is_known = depth in _DEPTHS.get(colour, ()) and not packing and not filtering
    if not is_known or interlace > 1 or len(first[b"IHDR"]) != _HEADER_BYTES:
        raise broken("its header makes no sense")
    palette = first[b"PLTE"] if b"PLTE" in order[: order.index(b"IDAT")] else b""
    if colour == _INDEXED and len(palette) not in _PALETTE_BYTES:
        raise broken("it has no palette")
    rows = tuple(
        (_ceil(height - y, dy), 1 + _ceil(_ceil(width - x, dx) * depth * _CHANNELS[colour], 8))
        for x, y, dx, dy in (_INTERLACED if interlace else _WHOLE)
        if x < width and y < height
    )
    return Layout(
        ImageFormat.PNG,
        (width, height),
        drawn=[data[:8], *(chunk for kind, chunk in chunks if kind in _DRAWN)],
        animated=b"acTL" in kinds,
        exif=bytes(first.get(b"eXIf", b"")),
        profile=bytes(first.get(b"iCCP", b"")),
        rows=rows,
        packed=[chunk[8:-4] for kind, chunk in chunks if kind == b"IDAT"],
    )


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Every chunk whole, with its kind."""
    kind, at = b"", 8
    while kind != b"IEND":
        length, kind = unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        (checksum,) = unpack_from(">I", chunk, 8 + length)
        if zlib.crc32(chunk[4:-4]) != checksum:
            raise cut_off("a checksum does not match")
        if not kind.isalpha() or (kind[:1].isupper() and kind not in _CRITICAL):
            raise broken("one of its parts is of no known kind")
        yield kind, chunk
        at += 12 + length


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


def prove_rows(layout: Layout) -> None:
    """Unpack a PNG's rows, a block at a time: every one must be there, and nothing else.

    Takes half the time of decoding the image, and a few megabytes whatever its size.

    Raises:
        ImageRejected: rows are missing, damaged or too many.
    """
    packed = _Packed(layout.packed)
    try:
        for count, length in layout.rows:
            at, end = 0, count * length
            while at < end:
                block = packed.unpack(min(_BLOCK, end - at))
                if not block:
                    raise cut_off("rows of pixels are missing")
                if max(block[-at % length :: length], default=0) > _LAST_FILTER:
                    raise broken("a row of pixels is coded in no known way")
                at += len(block)
        if packed.unpack(1):
            raise broken("it holds more rows of pixels than it is high")
    except zlib.error as error:
        raise cut_off("its pixels do not unpack") from error
    if not packed.is_whole:
        raise cut_off("the end of its pixels is missing")


class _Packed:
    """Compressed data in pieces, of which little is held unpacked at a time."""

    def __init__(self, pieces: Iterable[memoryview]) -> None:
        self._unpacker = zlib.decompressobj()
        self._rest = b""
        self._blocks = (
            piece[at : at + _PACKED_BLOCK]
            for piece in pieces
            for at in range(0, len(piece), _PACKED_BLOCK)
        )

    def unpack(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while not self.is_whole:
            packed = self._rest or next(self._blocks, b"")
            block = self._unpacker.decompress(packed, most)
            self._rest = self._unpacker.unconsumed_tail
            if block or not packed:
                return block
        return b""

    @property
    def is_whole(self) -> bool:
        """Whether the end was reached, and the checksum there is right."""
        return self._unpacker.eof
