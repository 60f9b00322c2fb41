"""Whether bytes are a picture that the endpoint takes. The stand-in's only room with Pillow.

Reads the header and decodes nothing, so it is cheap and no bomb can go off.
"""

from __future__ import annotations

from io import BytesIO

from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

SIZE_LIMIT = 1_000_000
"""A picture must be smaller than this many bytes."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def fault(data: bytes, content_type: str) -> str | None:
    """What is wrong with a picture that came with this content type; None if nothing is."""
    if len(data) >= SIZE_LIMIT:
        return f"picture of {len(data):,} bytes is not under {SIZE_LIMIT:,}"
    reader: type[PngImageFile | JpegImageFile]
    if data.startswith(_PNG):
        true_type, reader = "image/png", PngImageFile
    elif data.startswith(_JPEG):
        true_type, reader = "image/jpeg", JpegImageFile
    else:
        return "picture is neither PNG nor JPEG"
    if content_type != true_type:
        return f"picture is {true_type} but came as {content_type or 'no content type'}"
    try:
        # Not Image.open: it warns of bombs, which matter only to who decodes.
        width, height = reader(BytesIO(data)).size
    except (OSError, SyntaxError, ValueError) as error:
        return f"picture cannot be read: {error}"
    # An EXIF orientation at most swaps the sides, and a square stays square.
    if width != height:
        return f"picture is {width} x {height}, not square"
    return None
