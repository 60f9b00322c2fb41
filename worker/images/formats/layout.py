"""What a walk through a picture's file returns, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is
from struct import unpack_from
from typing import TYPE_CHECKING, TypeVar

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")


MOST_PARTS = 100_000
"""How many parts a file may have. Some thousand are usual; millions cost seconds and gigabytes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a whole file holds.

    Attributes:
        width: pixels, as shown: after EXIF orientation.
        height: the same.
        animated: whether it moves.
        pixels: what is left to prove: a PNG's compressed rows; of a JPEG the segments that tell
            how to decode it, as a picture of one pixel without coded data; else the file.
        rows: for a PNG, the number and the length in bytes of its rows, pass by pass.
    """

    width: int
    height: int
    animated: bool
    pixels: bytes
    rows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Essence:
    """What drawing a picture takes, and nothing else.

    Attributes:
        file: the picture without metadata, as far as its format's decoder would read them.
        orientation: EXIF's, 1 to 8; 1 is upright.
        profile: an ICC profile, as it was found; empty if there is none.
    """

    file: bytes
    orientation: int = 1
    profile: bytes = b""


def read_orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1, which is upright, if it cannot be read."""
    order = "<" if exif.startswith(b"II") else ">"
    try:
        (directory,) = unpack_from(f"{order}I", exif, 4)
        (count,) = unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, value = unpack_from(f"{order}H6xH", exif, entry)
            if tag == _ORIENTATION:
                return value if value in _ORIENTATIONS else 1
    except StructError:
        pass
    return 1


def as_shown(width: int, height: int, exif: bytes) -> tuple[int, int]:
    """Width and height after EXIF orientation."""
    on_its_side = read_orientation(exif) in _ON_ITS_SIDE
    return (height, width) if on_its_side else (width, height)


_ORIENTATION = 0x0112
_ORIENTATIONS = range(1, 9)
_ON_ITS_SIDE = range(5, 9)


def bounded(parts: Iterable[_T]) -> Iterator[_T]:
    """The same parts; there may be `MOST_PARTS` of them.

    Raises:
        ImageRejected: there are more.
    """
    for number, part in enumerate(parts):
        if number >= MOST_PARTS:
            raise broken(f"it has more than {MOST_PARTS:,} parts")
        yield part


def cut_off(reason: str) -> ImageRejected:
    """The file begins well, but not all of it is there as it was written."""
    return ImageRejected(
        OutcomeCode.IMAGE_TRUNCATED, f"The picture's file is cut off or damaged: {reason}."
    )


def broken(reason: str) -> ImageRejected:
    """The file was never a picture that can be shown."""
    return ImageRejected(
        OutcomeCode.IMAGE_NOT_AN_IMAGE, f"The file begins like a picture but is none: {reason}."
    )
