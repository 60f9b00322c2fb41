"""The accepted images that take the most time to validate or to fit."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WORST, WIDE = "worst.png", "wide.png"
_RGBA, _DEPTH, _CHANNELS = 6, 16, 4
_SIZES = {WORST: (6_324, 6_324), WIDE: (7_000, 5_700)}  # just below 40 megapixels


def write_worst(folder: Path) -> None:
    """Write them: flat PNGs of 16 bits a channel, 300 kB that unpack to 320 MB."""
    for name, (width, height) in _SIZES.items():
        header = struct.pack(">IIBBBBB", width, height, _DEPTH, _RGBA, 0, 0, 0)
        row = bytes(1 + width * _CHANNELS * _DEPTH // 8)
        packer = zlib.compressobj(9)
        packed = [packer.compress(row) for _ in range(height)]
        chunks = (b"IHDR", header), (b"IDAT", b"".join([*packed, packer.flush()])), (b"IEND", b"")
        (folder / name).write_bytes(
            b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
