"""Sample images, good and bad: real files, the same every time, with the outcome of each."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat
from pathlib import Path
from random import Random
from typing import Any

from PIL import ExifTags, Image, ImageDraw, ImageOps

from facelift.codes import OutcomeCode


@dataclass(frozen=True, slots=True)
class Sample:
    """An image file."""

    name: str
    expected: OutcomeCode  # of its job, while the endpoint has no fault


def write_samples(folder: Path) -> list[Sample]:
    """Write every sample into `folder`, which must exist, and return what they are."""
    samples = []
    for name, expected, data in _samples():
        (folder / name).write_bytes(data)
        samples.append(Sample(name, expected))
    return samples


def _samples() -> Iterator[tuple[str, OutcomeCode, bytes]]:
    good = OutcomeCode.DELIVERED
    yield "iris.png", good, _encode(_face("slateblue", 256), "PNG")
    yield "peach.png", good, _encode(_face("coral", 512), "PNG")
    rose = _encode(_face("crimson", 512), "JPEG")
    yield "rose.jpg", good, rose
    lying = _face("seagreen", 800).transpose(Image.Transpose.ROTATE_90)
    upright = Image.Exif()
    upright[ExifTags.Base.Orientation] = 6  # show it a quarter turn clockwise
    yield "mint.jpg", good, _encode(lying, "JPEG", exif=upright)
    yield "sky.jpg", good, _encode(_face("steelblue", 512), "JPEG", progressive=True)
    yield "fern.png", good, _encode(_face("olivedrab", 384), "JPEG")

    portrait = _encode(_face("indigo", 800).crop((100, 0, 700, 800)), "JPEG")
    yield "portrait.jpg", OutcomeCode.IMAGE_NOT_SQUARE, portrait
    yield "grainy.png", OutcomeCode.IMAGE_TOO_LARGE, _grainy(_face("slategray", 800))
    yield "cut-off.jpg", OutcomeCode.IMAGE_TRUNCATED, rose[: len(rose) // 2]
    yield "notes.png", OutcomeCode.IMAGE_NOT_AN_IMAGE, b"Remember to choose an image.\n"
    yield "empty.png", OutcomeCode.IMAGE_EMPTY, b""
    yield "bomb.png", OutcomeCode.IMAGE_TOO_MANY_PIXELS, _bomb(30_000)
    yield "dancing.png", OutcomeCode.IMAGE_ANIMATED, _moving("PNG")
    yield "waving.png", OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED, _moving("GIF")


def _face(colour: str, side: int) -> Image.Image:
    """A smile on a gradient, drawn large so that its edges are smooth."""
    image = ImageOps.colorize(Image.linear_gradient("L"), "white", colour).resize((1000, 1000))
    pen = ImageDraw.Draw(image)
    pen.ellipse((150, 150, 850, 850), "white")
    for x in (380, 620):
        pen.ellipse((x - 45, 330, x + 45, 470), colour)
    pen.arc((320, 380, 680, 700), 20, 160, colour, 40)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _encode(image: Image.Image, image_format: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    stream = BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def _grainy(image: Image.Image) -> bytes:
    """Film grain, which hardly compresses."""
    noise = Random(1839).randbytes(3 * image.width * image.height)
    grain = Image.frombytes("RGB", image.size, noise)
    return _encode(Image.blend(image, grain, 0.25), "PNG", compress_level=1)


def _moving(image_format: str) -> bytes:
    first, *others = [_face(colour, 192) for colour in ("coral", "crimson", "indigo")]
    return _encode(first, image_format, save_all=True, append_images=others, duration=400, loop=0)


def _bomb(side: int) -> bytes:
    """A valid black PNG with 1 bit a pixel."""
    packer = zlib.compressobj()
    row = bytes(1 + -(-side // 8))
    rows = b"".join(map(packer.compress, repeat(row, side))) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )
