"""What the endpoint accepts as an image: a square PNG or JPEG under 1,000,000 bytes."""

from io import BytesIO

from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

_IMAGE_LIMIT = 1_000_000
_READERS: dict[bytes, tuple[str, type[PngImageFile | JpegImageFile]]] = {
    b"\x89PNG\r\n\x1a\n": ("image/png", PngImageFile),
    b"\xff\xd8\xff": ("image/jpeg", JpegImageFile),
}


def image_problem(data: bytes, content_type: str) -> str | None:
    """Why the endpoint refuses an image with this content type; None if it accepts it.

    Reads the header and decodes nothing: it is cheap, and decompression bombs do no harm.
    """
    if len(data) >= _IMAGE_LIMIT:
        return f"image of {len(data):,} bytes is not under {_IMAGE_LIMIT:,}"
    known = next((known for magic, known in _READERS.items() if data.startswith(magic)), None)
    if known is None:
        return "image is neither PNG nor JPEG"
    true_type, reader = known
    if content_type != true_type:
        return f"image is {true_type} but came as {content_type or 'no content type'}"
    try:
        # Not Image.open: it warns of bombs, which are harmless without decoding.
        width, height = reader(BytesIO(data)).size
    except (OSError, SyntaxError, ValueError) as error:
        return f"image cannot be read: {error}"
    # An EXIF orientation can only swap the sides, and a square stays square.
    return None if width == height else f"image is {width} x {height}, not square"
