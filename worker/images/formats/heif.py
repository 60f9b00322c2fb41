"""HEIC and AVIF, by their container (ISO/IEC 14496-12 and 23008-12): boxes in boxes.

Only what says how large the image is, how it is turned and coloured, and where its bytes are, is
read; the depth of boxes is fixed, and the number of everything in them bounded.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from struct import pack, unpack_from
from typing import NamedTuple

from worker.images.formats.colours import Colours
from worker.images.formats.layout import Layout, bounded, broken, cut_off
from worker.images.formats.signature import ImageFormat

_PROFILES = {b"prof", b"rICC"}
_TEN_THOUSANDTH = 1e-4
_MOVING = b"moov"
_MOST_BITS = 16
_SRGB = 1, 13
_CAMERAS = {1, 6, 14, 15}  # browsers take what these say for sRGB's transfer function
# EXIF's orientation, by the quarter turns to the left and the axis of a mirror behind them.
_ORIENTATIONS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip

Box = tuple[bytes, memoryview]


class _Turn(NamedTuple):
    quarters: int = 0
    mirror: int | None = None


def parse_avif(data: bytes) -> Layout:
    """See `_parse`; the layout's orientation is that of the pixels that a decoder returns."""
    return _parse(data, ImageFormat.AVIF)


def parse_heic(data: bytes) -> Layout:
    """See `_parse`; decoders turn what they return."""
    return _parse(data, ImageFormat.HEIC)


def _parse(data: bytes, image_format: ImageFormat) -> Layout:
    """Read the properties of the primary item, and see that every item's bytes are there."""
    is_moving = False
    meta: dict[bytes, memoryview] = {}
    for kind, body in bounded(_boxes(memoryview(data))):
        if kind == b"meta":
            meta = meta or dict(reversed(list(bounded(_boxes(body[4:])))))
        is_moving = is_moving or kind == _MOVING
    if not meta:
        raise cut_off("it ends too early")
    if b"pitm" not in meta or b"iprp" not in meta or b"iloc" not in meta:
        raise broken("it has no primary image")
    for start, length in bounded(_extents(meta[b"iloc"])):
        if start + length > len(data):
            raise cut_off("it ends too early")
    every, own = _properties(meta[b"iprp"], _number(meta[b"pitm"], 4, wide=bool(meta[b"pitm"][0])))
    sizes = [unpack_from(">II", body, 4) for kind, body in own if kind == b"ispe"]
    if not sizes:
        raise broken("it says nothing of its size")
    turn = _turn(own)
    width, height = _clean(own, sizes[0])
    # libheif turns what it decodes; libavif leaves that to others.
    if image_format is ImageFormat.HEIC and turn.quarters % 2:
        width, height = height, width
    exif = b"" if image_format is ImageFormat.HEIC else _exif(_ORIENTATIONS[turn])
    profile, colours = _colours(own)
    return Layout(
        image_format,
        (width, height),
        (data,),
        animated=is_moving,
        exif=exif,
        profile=profile,
        colours=colours,
        bits=_bits(own),
        samples=max(wide * high for wide, high in _sizes(every)),  # before it is cropped too
    )


def _boxes(view: memoryview) -> Iterator[Box]:
    """The kind and body of every box, one behind the other."""
    at = 0
    while at + 8 <= len(view):
        length, kind = unpack_from(">I4s", view, at)
        head = 8
        if length == 1:
            (length,) = unpack_from(">Q", view, at + head)
            head = 16
        elif length == 0:
            length = len(view) - at
        if length < head:
            raise broken("one of its parts is of an impossible length")
        if at + length > len(view) and kind != b"mdat":  # what is missing of this, items tell
            raise cut_off("it ends too early")
        yield kind, view[at + head : at + length]
        at += length


def _number(body: memoryview, at: int, *, wide: bool) -> int:
    number: int = unpack_from(">I" if wide else ">H", body, at)[0]
    return number


def _extents(iloc: memoryview) -> Iterator[tuple[int, int]]:
    """Where items lie in the file: the start and the length of each of their pieces."""
    version, sizes = iloc[0], unpack_from(">BB", iloc, 4)
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    is_wide = version > 1
    count, at = _number(iloc, 6, wide=is_wide), 10 if is_wide else 8
    for _ in repeat(None, count):
        at += 4 if is_wide else 2
        method = 0
        if version:
            method, at = iloc[at + 1] & 15, at + 2
        base, pieces = (
            _sized(iloc, at + 2, base_size),
            _number(iloc, at + 2 + base_size, wide=False),
        )
        at += 4 + base_size
        for _ in repeat(None, pieces):
            offset = _sized(iloc, at + index_size, offset_size)
            length = _sized(iloc, at + index_size + offset_size, length_size)
            at += index_size + offset_size + length_size
            yield (base + offset, length) if method == 0 else (0, 0)
        yield 0, 0  # an item without pieces counts too


def _sized(body: memoryview, at: int, size: int) -> int:
    if at + size > len(body):
        raise cut_off("it ends too early")
    return int.from_bytes(body[at : at + size], "big")


def _properties(iprp: memoryview, item: int) -> tuple[Sequence[Box], Sequence[Box]]:
    """All properties that there are, and those of an item, in its order."""
    boxes = list(bounded(_boxes(iprp)))
    every = [box for kind, body in boxes if kind == b"ipco" for box in bounded(_boxes(body))]
    own = [
        every[number - 1]
        for kind, body in boxes
        if kind == b"ipma"
        for number in bounded(_associated(body, item))
        if 0 < number <= len(every)
    ]
    return every, own


def _associated(ipma: memoryview, item: int) -> Iterator[int]:
    """The numbers of an item's properties; 0 for each that is of another."""
    is_wide, is_long = bool(ipma[0]), bool(ipma[3] & 1)
    at = 8
    for _ in repeat(None, _number(ipma, 4, wide=True)):
        owner, at = _number(ipma, at, wide=is_wide), at + (4 if is_wide else 2)
        count, at = ipma[at], at + 1
        for _ in repeat(None, count):
            number = _number(ipma, at, wide=False) & 0x7FFF if is_long else ipma[at] & 0x7F
            at += 2 if is_long else 1
            yield number if owner == item else 0
        yield 0


def _sizes(properties: Sequence[Box]) -> Iterator[tuple[int, ...]]:
    """Of all images: a tile or a mask may be larger than what is shown."""
    for kind, body in properties:
        if kind == b"ispe":
            yield unpack_from(">II", body, 4)


def _bits(own: Sequence[Box]) -> int:
    """How many each sample has; the most there can be, if it is not said."""
    depths = [bytes(body[5 : 5 + body[4]]) for kind, body in own if kind == b"pixi"]
    return max(depths[0], default=_MOST_BITS) if depths else _MOST_BITS


def _turn(own: Sequence[Box]) -> _Turn:
    found = {kind: body[0] for kind, body in reversed(own) if kind in {b"irot", b"imir"}}
    mirror = found.get(b"imir")
    return _Turn(found.get(b"irot", 0) & 3, None if mirror is None else mirror & 1)


def _clean(own: Sequence[Box], size: tuple[int, ...]) -> tuple[int, int]:
    """The size, without what is cut off at the edges."""
    width, height = size
    for kind, body in own:
        if kind == b"clap":
            wide, parts_wide, high, parts_high = unpack_from(">4I", body)
            if parts_wide and parts_high:
                width = min(width, wide // parts_wide)
                height = min(height, high // parts_high)
    return width, height


def _colours(own: Sequence[Box]) -> tuple[bytes, Colours]:
    """An ICC profile, or else what the numbers say."""
    bodies = [body for kind, body in own if kind == b"colr"]
    profile = next((bytes(body[4:]) for body in bodies if bytes(body[:4]) in _PROFILES), b"")
    codes = [unpack_from(">HH", body, 4) for body in bodies if bytes(body[:4]) == b"nclx"]
    peaks = [float(unpack_from(">H", body)[0]) for kind, body in own if kind == b"clli"]
    peaks += [
        unpack_from(">I", body, 16)[0] * _TEN_THOUSANDTH for kind, body in own if kind == b"mdcv"
    ]
    coded = None
    if codes and not profile:
        primaries, transfer = codes[0]
        coded = primaries, _SRGB[1] if transfer in _CAMERAS else transfer
    return profile, Colours(None if coded == _SRGB else coded, peak=next(filter(None, peaks), 0.0))


def _exif(orientation: int) -> bytes:
    """An EXIF block of the orientation alone, as if it had been told there; empty if upright."""
    if orientation == 1:
        return b""
    entry = pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"MM\0*" + pack(">IH", 8, 1) + entry + bytes(4)
