"""Bound an ICC profile before a colour engine reads it.

A profile's parts are found by a table, so that few bytes can name many parts in one place. One
kind of part, the multi-process element (`mpet`), has such a table of its own: 700 bytes of PNG
kept the engine busy for 40 s. Browsers do not use it either, and every profile that has one has
the same transform in a plain form too, as the specification demands.
"""

from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is
from struct import pack, unpack_from

LARGEST_PROFILE = 4 << 20
"""Bytes; printers' are the largest, and have half of that."""

_MOST_TAGS = 100  # about twenty are usual
_COUNT_AT, _TABLE_AT, _ENTRY = 128, 132, 12
_ELEMENTS = b"mpet"


def bounded_profile(profile: bytes) -> bytes:
    """The profile without multi-process elements; nothing if it is too large or damaged."""
    if not _TABLE_AT <= len(profile) <= LARGEST_PROFILE:
        return b""
    try:
        (count,) = unpack_from(">I", profile, _COUNT_AT)
        if count > _MOST_TAGS:
            return b""
        table_end = _TABLE_AT + _ENTRY * count
        kept = [
            profile[at : at + _ENTRY]
            for at in range(_TABLE_AT, table_end, _ENTRY)
            if _kind(profile, at) != _ELEMENTS
        ]
    except StructError:
        return b""
    # The others' places stay as they are: the table only gets shorter.
    table = pack(">I", len(kept)) + b"".join(kept)
    return profile[:_COUNT_AT] + table + profile[_COUNT_AT + len(table) :]


def _kind(profile: bytes, entry: int) -> bytes:
    """The type of the part that an entry of the table names."""
    (offset,) = unpack_from(">I", profile, entry + 4)
    (kind,) = unpack_from(">4s", profile, offset)
    return bytes(kind)
