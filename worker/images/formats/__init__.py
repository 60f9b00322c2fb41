"""Parse image files without decoding their pixels: format, size, and whether the file is whole.

The parsers read the bytes themselves. Pillow is too lenient for a strict check: it accepts a PNG
whose end or rows are missing, a GIF that is cut off or damaged between its blocks, and an animated
WebP with one frame. It is also too costly: it holds all pixels in memory, and it reads EXIF and
other metadata, which can be hostile too.

`signature.py` tells formats apart; one module per format parses its files into a `Layout`.
"""

from struct import error as StructError  # noqa: N812 - so that it reads as the exception it is

from worker.images.formats.colours import COLOUR_CHUNKS, Colours
from worker.images.formats.gif import parse_gif
from worker.images.formats.heif import parse_avif, parse_heic
from worker.images.formats.jpeg import parse_jpeg
from worker.images.formats.layout import Layout, broken, cut_off
from worker.images.formats.png import parse_png, unpack_profile
from worker.images.formats.rows import prove_rows
from worker.images.formats.signature import FIT_ONLY, ImageFormat, recognise
from worker.images.formats.webp import parse_webp

__all__ = [
    "COLOUR_CHUNKS",
    "FIT_ONLY",
    "Colours",
    "ImageFormat",
    "Layout",
    "parse",
    "prove_rows",
    "recognise",
    "unpack_profile",
]

_PARSERS = {
    ImageFormat.PNG: parse_png,
    ImageFormat.JPEG: parse_jpeg,
    ImageFormat.WEBP: parse_webp,
    ImageFormat.GIF: parse_gif,
    ImageFormat.AVIF: parse_avif,
    ImageFormat.HEIC: parse_heic,
}


def parse(data: bytes, image_format: ImageFormat) -> Layout:
    """Parse the file from end to end, without decoding its pixels.

    Raises:
        ImageRejected: the file is cut off, damaged, or not of the format that it begins like.
    """
    try:
        layout = _PARSERS[image_format](data)
    except (StructError, IndexError) as error:  # a field or a block lies past the end
        raise cut_off("it ends too early") from error
    if 0 in layout.stored_size:
        raise broken("it has no pixels")
    return layout
