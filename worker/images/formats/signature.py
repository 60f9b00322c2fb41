"""Recognise a file's format by its first bytes."""

import re
from enum import StrEnum


class ImageFormat(StrEnum):
    """A format that can be checked; its value is how settings and MIME types spell it."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    GIF = "gif"

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


def recognise(data: bytes) -> ImageFormat | str | None:
    """The format by content: one that can be checked, the name of another, or None."""
    for name, signature in _SIGNATURES:
        if signature.match(data):
            return name
    return None


_SIGNATURES: tuple[tuple[ImageFormat | str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        (ImageFormat.PNG, rb"\x89PNG\r\n\x1a\n"),
        (ImageFormat.JPEG, rb"\xff\xd8\xff"),
        (ImageFormat.WEBP, rb"RIFF....WEBP"),
        (ImageFormat.GIF, rb"GIF8[79]a"),
        ("AVIF", rb"....ftypavi[fs]"),
        ("BMP", rb"BM....\0{4}"),
        ("HEIC", rb"....ftyp(?:hei[cmsx]|hev[cx]|mif1|msf1)"),
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
