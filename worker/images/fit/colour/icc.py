"""Convert colours by an ICC profile, which is bounded before a colour engine reads it.

A profile's parts are found by a table, so that few bytes can name many parts in one place. One
kind of part, the multi-process element (`mpet`), has such a table of its own: 700 bytes of PNG
kept the engine busy for 40 s. Browsers do not use it either, and every profile that has one has
the same transform in a plain form too, as the specification demands.
"""

from functools import cache
from io import BytesIO
from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is
from struct import pack, unpack_from

from PIL import Image, ImageCms

LARGEST_PROFILE = 4 << 20
"""Bytes; printers' are the largest, and have half of that."""

_MOST_TAGS = 100  # about twenty are usual
_VERSION_AT = 8
_COUNT_AT, _TABLE_AT, _ENTRY = 128, 132, 12
_ELEMENTS, _CODE = b"mpet", b"cicp"


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


def code_of(profile: bytes) -> tuple[int, int] | None:
    """The primaries and transfer function that a bounded profile names by numbers of H.273."""
    (count,) = unpack_from(">I", profile, _COUNT_AT)
    for at in range(_TABLE_AT, _TABLE_AT + _ENTRY * count, _ENTRY):
        if profile[at : at + 4] == _kind(profile, at) == _CODE:
            (offset,) = unpack_from(">I", profile, at + 4)
            code = profile[offset + 8 : offset + 10]
            return (code[0], code[1]) if len(code) == 2 else None  # noqa: PLR2004 - two fields of a byte
    return None


def is_readable(profile: bytes) -> bool:
    """Whether the colour engine knows what to do with a profile."""
    try:
        ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return False
    return True


def convert_by_profile(colour: Image.Image, profile: bytes) -> Image.Image:
    """The image in sRGB; as it is if its profile is damaged or for other colours, as in browsers.

    Args:
        colour: in mode L, RGB or CMYK.
        profile: a bounded one.
    """
    try:
        return _convert(colour, profile)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a damaged or unfitting profile is ignored
        return colour


def _convert(colour: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    target = ImageCms.ImageCmsProfile(BytesIO(_srgb()))
    converted = ImageCms.profileToProfile(colour, source, target, outputMode="RGB")
    assert converted is not None  # noqa: S101 - it is None only in place
    converted.info = {}
    return converted


@cache
def _srgb() -> bytes:
    """The profile of sRGB, in version 2.

    To one of version 4 the engine would compensate black points: a printer's black, which is a
    dark grey, would become black. Browsers do not.
    """
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:_VERSION_AT] + bytes([2]) + profile[_VERSION_AT + 1 :]


def _kind(profile: bytes, entry: int) -> bytes:
    """The type of the part that an entry of the table names."""
    (offset,) = unpack_from(">I", profile, entry + 4)
    (kind,) = unpack_from(">4s", profile, offset)
    return bytes(kind)
