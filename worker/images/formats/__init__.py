"""What a picture's file says of itself: its format, its size, and whether the file is whole.

Read from the bytes alone. Pillow is not asked, because it is too kind for a strict check and too
costly before one: it takes a PNG whose end or rows are missing, holds all pixels in memory, and
reads EXIF and other metadata, which can be hostile too. What may be sent is decided in `image.py`.

`signature.py` tells formats apart; one module a format walks through its files and returns a
`Layout`, and on request the file's `Essence`, for who must draw the picture.
"""

from __future__ import annotations

from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is
from typing import TYPE_CHECKING

from worker.images.formats.gif import strip_gif, walk_gif
from worker.images.formats.jpeg import strip_jpeg, walk_jpeg
from worker.images.formats.layout import Essence, Layout, broken, cut_off
from worker.images.formats.png import prove_rows, strip_png, walk_png
from worker.images.formats.signature import ImageFormat, recognise
from worker.images.formats.webp import strip_webp, walk_webp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Essence", "ImageFormat", "Layout", "examine", "prove_rows", "recognise", "strip"]

_WALKS = {
    ImageFormat.PNG: walk_png,
    ImageFormat.JPEG: walk_jpeg,
    ImageFormat.WEBP: walk_webp,
    ImageFormat.GIF: walk_gif,
}


def examine(data: bytes, image_format: ImageFormat) -> Layout:
    """Walk through the file from end to end, without decoding its pixels.

    Raises:
        ImageRejected: the file is cut off, damaged, or not what it begins like.
    """
    try:
        layout = _WALKS[image_format](data)
    except (StructError, IndexError) as error:  # a field or a block lies past the end
        raise cut_off("it ends too early") from error
    if not layout.width or not layout.height:
        raise broken("it has no pixels")
    return layout


_STRIPS: dict[ImageFormat, Callable[[bytes], Essence]] = {
    ImageFormat.PNG: strip_png,
    ImageFormat.JPEG: strip_jpeg,
    ImageFormat.WEBP: strip_webp,
    ImageFormat.GIF: strip_gif,
}


def strip(data: bytes, image_format: ImageFormat) -> Essence:
    """What it takes to draw the picture in a file that `examine` let pass."""
    return _STRIPS[image_format](data)
