"""Unpacks the bodies of messages that a producer compressed, up to a limit."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

_LZMA_MEMORY = 16 * 1024 * 1024


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...


# By the content type that Celery's `task_compression` puts into the header `compression`.
_DECOMPRESSORS: Mapping[str, Callable[[], _Decompressor]] = {
    # kombu names zlib's own format so; other clients send real gzip
    "application/x-gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 32),
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY),
}


def unpack(packed: bytes, compression: object, most: int) -> bytes:
    """What a producer compressed; never more than `most` bytes are unpacked.

    Raises:
        ValueError: it is compressed in another way, is damaged, or unpacks to more; says which.
    """
    make = _DECOMPRESSORS.get(compression) if isinstance(compression, str) else None
    if make is None:
        raise ValueError(f"its compression is none of {', '.join(_DECOMPRESSORS)}")
    decompressor = make()
    try:
        unpacked = decompressor.decompress(packed, most + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise ValueError("its compressed body is damaged") from error
    if len(unpacked) > most:
        raise ValueError(f"its body unpacks to more than {most} bytes")
    if not decompressor.eof:
        raise ValueError("its compressed body is damaged")
    return unpacked
