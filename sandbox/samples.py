"""Sample images, good and bad: real files, the same every time, with the outcome of each."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image

from facelift.codes import OutcomeCode
from sandbox.robots import Eyes, Robot, draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_IRIS = Robot("#7f7fd5", "#3b2f8f", "#f4f1ff", "#7df9ff")
_PEACH = Robot("#ffd89b", "#e2725b", "#fff6e9", "#ffe066", Eyes.HAPPY)
_MINT = Robot("#43cea2", "#185a9d", "#eafff6", "#9dffb0", Eyes.WINK)
_ROSE = Robot("#ff9a9e", "#a0306b", "#fff0f3", "#ff8fd0", Eyes.HAPPY)
_SKY = Robot("#56ccf2", "#1f4fa8", "#ffffff", "#ffb347", Eyes.VISOR)
_FERN = Robot("#c6e48b", "#2f7d4f", "#f7ffe8", "#c8ff5a")
_DUSK = Robot("#f6a6c1", "#41295a", "#fbeeff", "#ffd166", Eyes.WINK)
_SLATE = Robot("#8fa6b8", "#2c3e50", "#f2f6fa", "#ff6b6b", Eyes.VISOR)


@dataclass(frozen=True, slots=True)
class Sample:
    """An image file."""

    name: str
    about: str
    expected: OutcomeCode  # of its job, while the endpoint has no fault


def write_samples(folder: Path) -> list[Sample]:
    """Write every sample into `folder`, which must exist, and return what they are."""
    samples = []
    for name, about, expected, data in _samples():
        (folder / name).write_bytes(data)
        samples.append(Sample(name, about, expected))
    return samples


def _samples() -> Iterator[tuple[str, str, OutcomeCode, bytes]]:
    good = OutcomeCode.DELIVERED
    yield "iris.png", "PNG, 256 pixels", good, _encode(draw(_IRIS, 256), "PNG")
    yield "peach.png", "PNG, 512 pixels", good, _encode(draw(_PEACH, 512), "PNG")
    rose = _encode(draw(_ROSE, 512), "JPEG")
    yield "rose.jpg", "JPEG, 512 pixels", good, rose
    lying = draw(_MINT, 800).transpose(Image.Transpose.ROTATE_90)
    upright = Image.Exif()
    upright[ExifTags.Base.Orientation] = 6  # show it a quarter turn clockwise
    yield "mint.jpg", "JPEG, turned by EXIF", good, _encode(lying, "JPEG", exif=upright)
    sky = _encode(draw(_SKY, 512), "JPEG", progressive=True)
    yield "sky.jpg", "JPEG, progressive", good, sky
    fern = _encode(draw(_FERN, 384), "JPEG")
    yield "fern.png", "JPEG named .png", good, fern

    portrait = _encode(draw(_DUSK, 800).crop((100, 0, 700, 800)), "JPEG")
    yield "portrait.jpg", "600 by 800 pixels", OutcomeCode.IMAGE_NOT_SQUARE, portrait
    yield "grainy.png", "over 1.2 MB", OutcomeCode.IMAGE_TOO_LARGE, _grainy(draw(_SLATE, 800))
    yield "cut-off.jpg", "half a JPEG", OutcomeCode.IMAGE_TRUNCATED, rose[: len(rose) // 2]
    yield "notes.png", "text", OutcomeCode.IMAGE_NOT_AN_IMAGE, b"Remember to choose an image.\n"
    yield "empty.png", "no bytes", OutcomeCode.IMAGE_EMPTY, b""
    yield "bomb.png", "900 megapixels in 0.1 MB", OutcomeCode.IMAGE_TOO_MANY_PIXELS, _bomb(30_000)
    yield "dancing.png", "animated PNG", OutcomeCode.IMAGE_ANIMATED, _moving(_PEACH, "PNG")
    waving = _moving(_SKY, "GIF")
    yield "waving.png", "GIF named .png", OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED, waving


def _encode(image: Image.Image, image_format: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    stream = BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def _grainy(image: Image.Image) -> bytes:
    """Film grain, which hardly compresses."""
    noise = Random(1839).randbytes(3 * image.width * image.height)
    grain = Image.frombytes("RGB", image.size, noise)
    return _encode(Image.blend(image, grain, 0.25), "PNG", compress_level=1)


def _moving(robot: Robot, image_format: str) -> bytes:
    frames = [
        draw(Robot(robot.sky, robot.ground, robot.shell, robot.glow, eyes), 192)
        for eyes in (Eyes.ROUND, Eyes.WINK, Eyes.HAPPY)
    ]
    return _encode(
        frames[0], image_format, save_all=True, append_images=frames[1:], duration=400, loop=0
    )


def _bomb(side: int) -> bytes:
    """A valid black PNG with 1 bit a pixel, of one compressed block of zeros many times."""
    length = side * (1 + -(-side // 8))
    block = 1 << 20
    packer = zlib.compressobj(9)
    packed = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    head, body = packed[:2], packed[2:]  # the stream's header comes once
    rest = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    tail = rest.compress(bytes(length % block)) + rest.flush()
    checksum = struct.pack(">HH", length % 65521, 1)  # Adler-32 of that many zeros
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", head + body * (length // block) + tail + checksum),
            (b"IEND", b""),
        )
    )
