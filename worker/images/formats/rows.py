"""Prove that all rows of a PNG are there, without holding them."""

import zlib
from collections.abc import Iterable

from worker.images.formats.layout import Layout, broken, cut_off

_LAST_FILTER = 4
_PACKED_BLOCK = 1 << 16  # bytes; as much as is handed to the unpacker at once
_BLOCK = 1 << 20  # bytes; as much as comes out of it at once


def prove_rows(layout: Layout) -> None:
    """Unpack a PNG's rows, a block at a time: every one must be there.

    What follows the last row is not unpacked, as browsers ignore it. Takes half the time of
    decoding the image, and a few megabytes whatever its size.

    Raises:
        ImageRejected: rows are missing or damaged.
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
        has_surplus = bool(packed.unpack(1))
    except zlib.error as error:
        raise cut_off("its pixels do not unpack") from error
    if not (packed.is_whole or layout.is_checked):
        raise cut_off("a checksum does not match")
    if not (packed.is_whole or has_surplus or layout.is_open):
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
