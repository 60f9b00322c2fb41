"""AVIF and HEIC files, ordinary and odd, made by the libraries and changed by hand."""

from __future__ import annotations

from io import BytesIO
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Any

import pytest

from tests.images import draw, encode, exif

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

WIDE = draw(40, 30)
ORIENTED = range(2, 9)


def avif(image: Image.Image = WIDE, code: tuple[int, int] | None = None, **options: Any) -> bytes:
    """An AVIF, nearly without loss; `code` are its primaries and transfer function by numbers."""
    made = encode(image, "AVIF", **{"quality": 100, "subsampling": "4:4:4", "speed": 8} | options)
    return made if code is None else patched(made, b"nclx", 4, pack(">HH", *code))


def heic(image: Image.Image = WIDE, orientation: int = 1, **options: Any) -> bytes:
    """A HEIC, nearly without loss."""
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = BytesIO()
    added = {"exif": exif(orientation).tobytes()} if orientation != 1 else {}
    made = pillow_heif.from_pillow(image)
    made.save(stream, **{"quality": 95, "chroma": 444} | options | added)
    return stream.getvalue()


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return pack(">I4s", 8 + len(body), kind) + body


def patched(data: bytes, kind: bytes, skip: int, replacement: bytes) -> bytes:
    """The file, with other bytes so many behind the beginning of a box's name."""
    at = data.index(kind) + skip
    return data[:at] + replacement + data[at + len(replacement) :]


def container(iloc: bytes, *properties: bytes, brand: bytes = b"avif", deep: bytes = b"") -> bytes:
    """A file by hand, of one item with these properties and no pixels."""
    count = bytes([len(properties)])
    numbers = bytes(range(1, 1 + len(properties)))
    return box(b"ftyp", brand, bytes(4), b"mif1") + box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes(4), b"\0\1"),
        box(b"iloc", iloc),
        box(
            b"iprp",
            box(b"ipco", *properties),
            box(b"ipma", bytes(4), b"\0\0\0\1\0\1", count, numbers),
        ),
        deep,
    )


def size(width: int, height: int) -> bytes:
    return box(b"ispe", bytes(4), pack(">II", width, height))


def told_size(data: bytes) -> tuple[int, ...]:
    return unpack_from(">II", data, data.index(b"ispe") + 8)


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "avif": avif,
    "avif alpha": lambda: avif(WIDE.convert("RGBA").rotate(30)),
    "avif turned": lambda: avif(exif=exif(6)),
    "avif moving": lambda: encode(WIDE, "AVIF", save_all=True, append_images=[WIDE.rotate(180)]),
    "heic": heic,
    "heic alpha": lambda: heic(WIDE.convert("RGBA").rotate(30)),
    "heic turned": lambda: heic(orientation=6),
    "heic of tiles": lambda: heic(draw(160, 130), tile_size=64),
}
"""By name; those of HEIC skip a test where nothing makes them."""
