"""PNGs with odd chunks, pixels and animation controls."""

from __future__ import annotations

import struct
import zlib
from functools import partial

from facelift.codes import OutcomeCode
from tests.image_cases.case import Case
from tests.images import ANCILLARY, PACKED, ROWS, SIDE, chunk, png

_CUT, _NONE = OutcomeCode.IMAGE_TRUNCATED, OutcomeCode.IMAGE_NOT_AN_IMAGE
_MOVES = OutcomeCode.IMAGE_ANIMATED

WHOLE = png(PACKED)
_HEADER, _PIXELS, _END = WHOLE[8:33], chunk(b"IDAT", PACKED), chunk(b"IEND", b"")
_TEXT = chunk(b"tEXt", b"Title\0a rose")
_HALF = len(PACKED) // 2
_LAST_ROW = 1 + 3 * SIDE
_NEGATIVE = zlib.compress(
    bytes(255 - each if at % _LAST_ROW else 0 for at, each in enumerate(ROWS))
)
_BROKEN_TAIL = zlib.compress(ROWS + bytes(1_000_000))[:-900] + b"\xff" * 900

_INDEXES = zlib.compress(
    b"".join(b"\0" + bytes(x * 4 // SIDE for x in range(SIDE)) for _ in range(SIDE))
)
_PALETTE = chunk(b"PLTE", bytes(range(0, 240, 20)))
_INDEXED = png(_INDEXES, colour=3, before=_PALETTE)


def wrong(sound: bytes) -> bytes:
    """The chunk with a wrong checksum."""
    return sound[:-1] + bytes([sound[-1] ^ 1])


def parts(*chunks: bytes) -> bytes:
    """A PNG of these chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def announce(frames: int, plays: int = 0) -> bytes:
    """An animation's announcement, `acTL`."""
    return chunk(b"acTL", struct.pack(">II", frames, plays))


def frame(number: int, side: int = SIDE) -> bytes:
    """A frame's control, `fcTL`."""
    return chunk(b"fcTL", struct.pack(">5I2H2B", number, side, side, 0, 0, 1, 10, 0, 0))


def later(number: int) -> bytes:
    """A later frame, `fcTL` and `fdAT`."""
    return frame(number) + chunk(b"fdAT", struct.pack(">I", number + 1) + _NEGATIVE)


def _packed(*pieces: bytes) -> bytes:
    return parts(_HEADER, *(chunk(b"IDAT", piece) for piece in pieces), _END)


def _animation(*before: bytes, after: bytes = b"") -> bytes:
    return parts(_HEADER, *before, _PIXELS, after, _END)


_png = partial(Case, "PNG", like=WHOLE)

METADATA = [
    *(
        _png(
            "a wrong checksum in metadata of any kind",
            parts(_HEADER, wrong(chunk(kind.encode(), body)), _PIXELS, _END),
        )
        for kind, body in ANCILLARY.items()
    ),
    _png(
        "a wrong checksum in a text behind the pixels", parts(_HEADER, _PIXELS, wrong(_TEXT), _END)
    ),
    _png(
        "a text that unpacks to nothing",
        parts(_HEADER, chunk(b"zTXt", b"Comment\0\0no zlib"), _PIXELS, _END),
    ),
    _png(
        "a part of no known kind that may be passed over",
        parts(_HEADER, chunk(b"teSt", b""), _PIXELS, _END),
    ),
    _png(
        "a part of no known kind that must be known",
        parts(_HEADER, chunk(b"TeSt", b""), _PIXELS, _END),
        code=_NONE,
    ),
    _png(
        "a part whose name browsers do not read",
        parts(_HEADER, chunk(b"test", b""), _PIXELS, _END),
        code=_NONE,
    ),
    _png(
        "the same behind the pixels",
        parts(_HEADER, _PIXELS, chunk(b"test", b""), chunk(b"1234", b""), _END),
    ),
    _png(
        "a part that must be known behind the pixels",
        parts(_HEADER, _PIXELS, chunk(b"TeSt", b""), _END),
        code=_NONE,
    ),
    _png("a text before its header", parts(_TEXT, _HEADER, _PIXELS, _END), code=_NONE),
]

PIXELS = [
    _png("surplus rows behind its last one", _packed(zlib.compress(ROWS + ROWS))),
    _png("one surplus byte behind its last row", _packed(zlib.compress(ROWS + b"\0"))),
    _png("a megabyte behind its last row, damaged there", _packed(_BROKEN_TAIL)),
    _png("surplus compressed data", _packed(PACKED + b"surplus")),
    _png("surplus compressed data in a part of their own", _packed(PACKED, b"surplus")),
    _png(
        "surplus compressed data behind a text",
        parts(_HEADER, _PIXELS, _TEXT, chunk(b"IDAT", b"surplus"), _END),
    ),
    _png("empty parts for pixels", _packed(b"", PACKED[:_HALF], b"", PACKED[_HALF:], b"")),
    _png("pixels in parts of one byte", _packed(*(bytes([each]) for each in PACKED))),
    _png(
        "a wrong checksum of pixels that unpack with a right one",
        parts(_HEADER, wrong(_PIXELS), _END),
    ),
    _png(
        "pixels in two places",
        parts(_HEADER, chunk(b"IDAT", PACKED[:_HALF]), _TEXT, chunk(b"IDAT", PACKED[_HALF:]), _END),
        code=_CUT,
    ),
    _png("its last row missing", _packed(zlib.compress(ROWS[:-_LAST_ROW])), code=_CUT),
    _png("its last byte of pixels missing", _packed(zlib.compress(ROWS[:-1])), code=_CUT),
    _png(
        "a last row coded in no known way",
        _packed(zlib.compress(ROWS[:-_LAST_ROW] + b"\5" + ROWS[1 - _LAST_ROW :])),
        code=_NONE,
    ),
    _png(
        "a wrong checksum within its compressed pixels", _packed(PACKED[:-4] + b"abcd"), code=_CUT
    ),
    _png("no checksum within its compressed pixels", _packed(PACKED[:-4]), code=_CUT),
    _png("a wrong checksum of its header", parts(wrong(_HEADER), _PIXELS, _END), code=_CUT),
    _png("two headers", parts(_HEADER, _HEADER, _PIXELS, _END), code=_NONE),
    _png("another header behind the pixels", parts(_HEADER, _PIXELS, _HEADER, _END), code=_NONE),
    _png(
        "an empty palette that it does not need",
        parts(_HEADER, chunk(b"PLTE", b""), _PIXELS, _END),
        code=_NONE,
    ),
    _png(
        "an odd palette that it does not need",
        parts(_HEADER, chunk(b"PLTE", bytes(7)), _PIXELS, _END),
    ),
]

ENDS = [
    _png("no end", parts(_HEADER, _PIXELS)),
    _png("a wrong checksum of its end", parts(_HEADER, _PIXELS, wrong(_END))),
    _png("an end that is cut", WHOLE[:-5]),
    _png("a text behind the pixels that is cut", parts(_HEADER, _PIXELS, _TEXT[:-9])),
    _png("nothing behind its last row, not even checksums", parts(_HEADER, _PIXELS)[:-8]),
    _png("its last row cut", parts(_HEADER, _PIXELS)[:-20], code=_CUT),
    _png("another file behind its end", WHOLE + WHOLE),
    _png("junk behind its end", WHOLE + b"\xff\xd8\xff junk" * 9),
    _png(
        "lines that were ended anew, as by a transfer of text",
        WHOLE.replace(b"\r\n", b"\n", 1),
        code=_NONE,
    ),
]

PALETTES = [
    Case(
        "PNG",
        "pixels beyond its palette",
        png(_INDEXES, colour=3, before=chunk(b"PLTE", bytes(9))),
        png(_INDEXES, colour=3, before=chunk(b"PLTE", bytes(12))),
    ),
    Case(
        "PNG",
        "more transparent entries than colours",
        png(_INDEXES, colour=3, before=_PALETTE + chunk(b"tRNS", b"\xff" * 99)),
        _INDEXED,
    ),
    Case(
        "PNG",
        "transparency before its palette",
        png(_INDEXES, colour=3, before=chunk(b"tRNS", bytes(4)) + _PALETTE),
        _INDEXED,
    ),
    Case(
        "PNG",
        "a wrong checksum of its palette",
        png(_INDEXES, colour=3, before=wrong(_PALETTE)),
        _INDEXED,
        _CUT,
    ),
    Case("PNG", "no palette", png(_INDEXES, colour=3), _INDEXED, _NONE),
    Case(
        "PNG", "two palettes", png(_INDEXES, colour=3, before=_PALETTE + _PALETTE), _INDEXED, _NONE
    ),
    Case(
        "PNG",
        "a palette of too many colours",
        png(_INDEXES, colour=3, before=chunk(b"PLTE", bytes(3 * 257))),
        _INDEXED,
        _NONE,
    ),
]

ANIMATIONS = [
    _png("an animation of one frame", _animation(announce(1), frame(0))),
    _png("an animation of no frame", _animation(announce(0), frame(0))),
    _png("several frames announced, of which one is there", _animation(announce(2), frame(0))),
    _png("one frame announced, and more there", _animation(announce(1), frame(0), after=later(1))),
    _png(
        "an animation announced behind the pixels",
        _animation(after=announce(2) + frame(0) + later(1)),
    ),
    _png(
        "an announcement of the wrong length",
        _animation(chunk(b"acTL", bytes(3) + b"\2"), frame(0), after=later(1)),
    ),
    _png("frames that nothing announces", _animation(frame(0), after=later(1))),
    _png(
        "an animation of two frames", _animation(announce(2), frame(0), after=later(1)), code=_MOVES
    ),
    _png(
        "the same, its announcement with a wrong checksum",
        _animation(wrong(announce(2)), frame(0), after=later(1)),
        code=_MOVES,
    ),
    _png(
        "an animation whose only frame is not the image",
        _animation(announce(1), after=later(0)),
        code=_MOVES,
    ),
    _png("an animation without a frame's control", _animation(announce(1)), code=_MOVES),
    _png("an animation whose frame is smaller", _animation(announce(1), frame(0, 20)), code=_MOVES),
    _png(
        "an animation whose frames are numbered from 5",
        _animation(announce(1), frame(5)),
        code=_MOVES,
    ),
    _png("more frames announced than can be", _animation(announce(1 << 31), frame(0)), code=_MOVES),
]

CASES = [*METADATA, *PIXELS, *ENDS, *PALETTES, *ANIMATIONS]
