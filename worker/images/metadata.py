"""Remove the metadata of an image that is sent as it was stored, without touching its pixels.

What stays is what a browser needs to show the same: pixels, colours, and which side is up. All
else goes: the place, thumbnails, a camera's notes, texts, times, and whatever follows the end.
Nothing is decoded. A part that browsers ignore, such as one with a wrong checksum, goes too.
"""

import zlib
from collections.abc import Iterator
from struct import pack

from worker.images.formats import COLOUR_CHUNKS, ImageFormat, Layout, jpeg, parse, png, webp

_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04  # of a WebP's `VP8X`
_CANVAS_BYTES = 10  # of `VP8X`
_FRAME_PARTS = {b"ALPH", b"VP8 ", b"VP8L"}
_WEBP_PARTS = _FRAME_PARTS | {b"ICCP", b"ANIM"}
_PNG_PARTS = COLOUR_CHUNKS | {b"IHDR", b"PLTE", b"tRNS", b"iCCP"}
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_JFIF_BYTES, _ADOBE_BYTES = 12, 12  # of what they say, without a thumbnail or a surplus


def without_metadata(data: bytes, image_format: ImageFormat) -> bytes:
    """The same image without metadata; `data` itself if it has none.

    Args:
        data: a whole file, which `validate` passed.
        image_format: its format.
    """
    layout = parse(data, image_format)
    match image_format:
        case ImageFormat.JPEG:
            pieces = _jpeg(data, layout)
        case ImageFormat.PNG:
            pieces = _png(data, layout)
        case ImageFormat.WEBP:
            pieces = _webp(data, layout)
        case ImageFormat.GIF:
            pieces = iter(layout.drawn)
    bare = b"".join(pieces)
    return data if bare == data else bare


def _jpeg(data: bytes, layout: Layout) -> Iterator[bytes | memoryview]:
    """The segments that control decoding, the ICC profile and the orientation."""
    yield data[:2]
    orientation = layout.orientation_alone
    for code, segment, _ in jpeg.segments(data):
        body = bytes(segment[4 : 4 + _ADOBE_BYTES])
        if code not in jpeg.APPLICATIONS and code != jpeg.COMMENT:
            yield segment
        elif code == jpeg.JFIF and body.startswith(_JFIF) and len(body) >= _JFIF_BYTES:
            yield _segment(code, body[:_JFIF_BYTES] + bytes(2))  # the size of a thumbnail: none
        elif code == jpeg.ADOBE and body.startswith(_ADOBE):
            yield _segment(code, body)
        elif code == jpeg.PROFILE and body == jpeg.IS_PROFILE:
            yield segment
        elif code == jpeg.EXIF and body.startswith(jpeg.IS_EXIF) and orientation:
            yield _segment(code, jpeg.IS_EXIF + orientation)
            orientation = b""  # browsers read the first one
    yield bytes([0xFF, jpeg.END])


def _segment(code: int, body: bytes) -> bytes:
    return pack(">BBH", 0xFF, code, 2 + len(body)) + body


def _png(data: bytes, layout: Layout) -> Iterator[bytes | memoryview]:
    """The chunks that control decoding and colours, and the orientation."""
    yield data[:8]
    before, pixels, _ = png.split(data)
    orientation = layout.orientation_alone
    for chunk in before:
        if chunk.is_sound and chunk.kind in _PNG_PARTS:
            yield chunk.whole
        elif chunk.is_sound and chunk.kind == b"eXIf" and orientation:
            yield _chunk(chunk.kind, orientation)
            orientation = b""
    yield from (chunk.whole for chunk in pixels)
    if pixels[-1].is_closed:  # else the file ends there; browsers refuse it if it seems to go on
        yield png.END


def _chunk(kind: bytes, body: bytes) -> bytes:
    sealed = kind + body
    return pack(">I", len(body)) + sealed + pack(">I", zlib.crc32(sealed))


def _webp(data: bytes, layout: Layout) -> Iterator[bytes | memoryview]:
    """The parts with pixels and colours, and the orientation."""
    parts = b"".join(_webp_parts(data, layout.orientation_alone))
    yield b"RIFF" + pack("<I", len(b"WEBP") + len(parts)) + b"WEBP"
    yield parts


def _webp_parts(data: bytes, orientation: bytes) -> Iterator[bytes]:
    gone = _XMP_FLAG if orientation else _XMP_FLAG | _EXIF_FLAG
    for kind, body in webp.parts(data):
        if kind == b"VP8X":
            yield _part(kind, bytes([body[0] & ~gone]) + body[1:_CANVAS_BYTES])
        elif kind == b"ANMF":
            kept = (_part(*part) for part in webp.frame_parts(body) if part[0] in _FRAME_PARTS)
            yield _part(kind, b"".join((body[: webp.FRAME_HEADER], *kept)))
        elif kind in _WEBP_PARTS:
            yield _part(kind, body)
        elif kind == b"EXIF" and orientation:
            prefix = webp.EXIF_PREFIX if body[:6] == webp.EXIF_PREFIX else b""
            yield _part(kind, prefix + orientation)
            orientation = b""


def _part(kind: bytes, body: bytes | memoryview) -> bytes:
    return b"".join((kind, pack("<I", len(body)), body, bytes(len(body) % 2)))
