"""What a parser finds in an image file, and how it refuses one."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is
from struct import pack, unpack_from
from typing import NamedTuple, TypeVar

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.images.formats.colours import Colours
from worker.images.formats.signature import ImageFormat

_T = TypeVar("_T")

_MOST_PARTS = 100_000  # some thousand are usual; millions cost seconds and gigabytes
_ORIENTATION_TAG, _LOCATION_TAG = 0x0112, 0x8825
_ENTRY_BYTES = 12
_ORIENTATIONS, _ON_ITS_SIDE = range(1, 9), range(5, 9)


class Layout(NamedTuple):
    """The parts of a whole image file.

    Attributes:
        format: of the file.
        stored_size: width and height in pixels, before EXIF orientation.
        drawn: the file without metadata and later frames, in pieces.
        proof: what has to be decoded to prove the image: of a JPEG the segments that control
            decoding, as an image of one pixel without coded data; of a WebP or GIF the file; of
            a PNG nothing, see `rows`.
        animated: whether it has several frames.
        exif: the EXIF block; empty if there is none.
        profile: the ICC profile, a PNG's still compressed (`unpack_profile`); empty if there is
            none.
        colours: what else the file says of its colours.
        bits: of a PNG, AVIF or HEIC, how many a sample has.
        rows: of a PNG, for each pass the number of its rows and a row's length in bytes.
        packed: of a PNG, its compressed rows, in pieces.
        is_checked: of a PNG, whether the checksums of these pieces are right.
        is_open: of a PNG, whether the file ends within its rows, or just behind them.
        passes: of a JPEG, how often a decoder goes over all of its pixels.
        samples: of a JPEG, how many samples all its components have; of an AVIF or HEIC, how many
            pixels its largest part has.
    """

    format: ImageFormat
    stored_size: tuple[int, int]
    drawn: Sequence[bytes | memoryview]
    proof: bytes = b""
    animated: bool = False
    exif: bytes = b""
    profile: bytes = b""
    colours: Colours = Colours()
    bits: int = 8
    rows: tuple[tuple[int, int], ...] = ()
    packed: Sequence[memoryview] = ()
    is_checked: bool = True
    is_open: bool = False
    passes: int = 1
    samples: int = 0

    @property
    def orientation(self) -> int:
        """EXIF's orientation, 1 to 8; 1 (upright) if it cannot be read."""
        value = next((value for tag, value, _ in self._tags() if tag == _ORIENTATION_TAG), 1)
        return value if value in _ORIENTATIONS else 1

    @property
    def orientation_alone(self) -> bytes:
        """An EXIF block with nothing but the orientation, as it is told; empty if it is upright."""
        if self.orientation == 1:
            return b""
        entry = next(entry for tag, _, entry in self._tags() if tag == _ORIENTATION_TAG)
        order = self._byte_order()
        header = self.exif[:4] + pack(f"{order}IH", 8, 1)  # a directory of one entry follows
        return header + entry.ljust(_ENTRY_BYTES, b"\0") + bytes(4)

    @property
    def has_location(self) -> bool:
        """Whether EXIF says where the image was taken."""
        return any(tag == _LOCATION_TAG for tag, *_ in self._tags())

    def _byte_order(self) -> str:
        return "<" if self.exif.startswith(b"II") else ">"

    def _tags(self) -> Iterator[tuple[int, int, bytes]]:
        """EXIF's tags with their values, as far as these are short numbers, and whole entries."""
        order = self._byte_order()
        with suppress(StructError):
            (directory,) = unpack_from(f"{order}I", self.exif, 4)
            (count,) = unpack_from(f"{order}H", self.exif, directory)
            for entry in range(directory + 2, directory + 2 + _ENTRY_BYTES * count, _ENTRY_BYTES):
                tag, value = unpack_from(f"{order}H6xH", self.exif, entry)
                yield tag, value, self.exif[entry : entry + _ENTRY_BYTES]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels as shown: after EXIF orientation."""
        width, height = self.stored_size
        on_its_side = self.exif and self.orientation in _ON_ITS_SIDE
        return (height, width) if on_its_side else (width, height)


def bounded(parts: Iterable[_T]) -> Iterator[_T]:
    """Yield the same parts; a file may have 100,000.

    Raises:
        ImageRejected: there are more.
    """
    for number, part in enumerate(parts):
        if number >= _MOST_PARTS:
            raise broken(f"it has more than {_MOST_PARTS:,} parts")
        yield part


def cut_off(reason: str) -> ImageRejected:
    """The file begins well, but not all of it is there as it was written."""
    return ImageRejected(
        OutcomeCode.IMAGE_TRUNCATED, f"The image file is cut off or damaged: {reason}."
    )


def broken(reason: str) -> ImageRejected:
    """The file was never an image that can be shown."""
    return ImageRejected(
        OutcomeCode.IMAGE_NOT_AN_IMAGE, f"The file begins like an image but is none: {reason}."
    )
