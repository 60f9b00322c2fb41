"""Recognise a file's format by its first bytes."""

import re
from enum import StrEnum


class ImageFormat(StrEnum):
    """A format that can be checked; its value is how settings and MIME types spell it."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    HEIC = "heic"

    @property
    def content_type(self) -> str:
        """The MIME type."""
        return f"image/{self}"

    @property
    def suffix(self) -> str:
        """How a file's name ends, dot included."""
        return ".jpg" if self is ImageFormat.JPEG else f".{self}"

    @property
    def label(self) -> str:
        """The name for a person."""
        return "WebP" if self is ImageFormat.WEBP else self.upper()


FIT_ONLY = frozenset({ImageFormat.AVIF, ImageFormat.HEIC})
"""What is read to be fitted, but never sent."""

_BRANDS = 40  # bytes of a file's kinds that are looked at


def recognise(data: bytes) -> ImageFormat | str | None:
    """The format by content: one that can be checked, the name of another, or None."""
    if data[4:8] == b"ftyp":
        return _by_brands(data)
    for name, signature in _SIGNATURES:
        if signature.match(data):
            return name
    return None


def _by_brands(data: bytes) -> ImageFormat | str | None:
    """By the kinds of file that a container says it is, the main one first."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 16 + _BRANDS)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]
    other = "HEIF" if _OTHERS.intersection(brands) else None
    return next((_KINDS[brand] for brand in brands if brand in _KINDS), other)


_KINDS = {
    **dict.fromkeys((b"avif", b"avis"), ImageFormat.AVIF),
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), ImageFormat.HEIC
    ),
}
_OTHERS = frozenset({b"mif1", b"mif2", b"msf1"})  # a container of a coding that it does not tell
_SIGNATURES: tuple[tuple[ImageFormat | str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        (ImageFormat.PNG, rb"\x89PNG\r\n\x1a\n"),
        (ImageFormat.JPEG, rb"\xff\xd8\xff"),
        (ImageFormat.WEBP, rb"RIFF....WEBP"),
        (ImageFormat.GIF, rb"GIF8[79]a"),
        ("BMP", rb"BM....\0{4}"),
        ("ICO", rb"\0\0\x01\0"),
        ("JPEG 2000", rb"\0\0\0\x0cjP  "),
        ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL "),
        ("Photoshop", rb"8BPS"),
        (
            "SVG",
            rb"(?:\xef\xbb\xbf)?\s*(?:<svg|(?:<\?xml|<!DOCTYPE\s+svg|<!--)[^\0]{0,4000}?<svg)\b",
        ),
        ("TIFF", rb"II\*\0|MM\0\*"),
    )
)
