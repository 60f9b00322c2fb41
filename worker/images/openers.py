"""What decodes each format: these alone, of all that Pillow has.

Not `Image.open`, whose check against decompression bombs uses the process-wide `warnings`: here
the pixel limit comes first.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from math import prod
from typing import Any

from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from worker.images.formats import ImageFormat, parse

_DECODERS = {ImageFormat.AVIF: "PIL._avif", ImageFormat.HEIC: "pillow_heif"}
_REMEDIES = {
    ImageFormat.AVIF: "a Pillow that reads AVIF (11.3 or later)",
    ImageFormat.HEIC: "the extra facelift-worker[heif]",
}


@cache
def what_is_missing(image_format: ImageFormat) -> str:
    """What has to be installed so that the format can be decoded; empty if nothing has to."""
    decoder = _DECODERS.get(image_format)  # not imported: that takes memory
    return "" if decoder is None or find_spec(decoder) else _REMEDIES[image_format]


def _open_avif(stream: BytesIO) -> ImageFile:
    plugin: Any = import_module("PIL.AvifImagePlugin")
    plugin.DEFAULT_MAX_THREADS = 1  # each has memory of its own
    return _loaded(plugin.AvifImageFile(stream), stream, ImageFormat.AVIF)


def _open_heic(stream: BytesIO) -> ImageFile:
    heif: Any = import_module("pillow_heif")
    heif.options.DECODE_THREADS = 1
    # Of a file with many images, only the one that is shown.
    heif.options.THUMBNAILS = heif.options.DEPTH_IMAGES = heif.options.AUX_IMAGES = False
    return _loaded(heif.HeifImageFile(stream), stream, ImageFormat.HEIC)


def _loaded(opened: ImageFile, stream: BytesIO, image_format: ImageFormat) -> ImageFile:
    """The image, decoded, if it has no more pixels than its container says.

    Raises:
        ValueError: it has more.
    """
    told = prod(parse(stream.getvalue(), image_format).stored_size)
    if prod(opened.size) <= told:
        opened.load()
    if prod(opened.size) > told:
        raise ValueError("it has more pixels than it says")
    return opened


OPENERS: dict[ImageFormat, Callable[[BytesIO], ImageFile]] = {
    ImageFormat.PNG: PngImageFile,
    ImageFormat.JPEG: JpegImageFile,
    ImageFormat.WEBP: WebPImageFile,
    ImageFormat.GIF: GifImageFile,
    ImageFormat.AVIF: _open_avif,
    ImageFormat.HEIC: _open_heic,
}
"""By format; each raises whatever it likes over a damaged file."""
