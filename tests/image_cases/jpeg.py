"""JPEGs of odd coding, with odd segments and odd ends."""

from __future__ import annotations

from functools import partial

from facelift.codes import OutcomeCode
from tests.image_cases.case import Case
from tests.images import BASELINE, JPEGS, draw, encode, insert_segment, segment

_CUT, _NONE = OutcomeCode.IMAGE_TRUNCATED, OutcomeCode.IMAGE_NOT_AN_IMAGE

_FRAME, _SCAN = BASELINE.index(b"\xff\xc0"), BASELINE.index(b"\xff\xda")
_TRAILER = b"notes of a phone " * 9

_FIVE = b"\xff\xd5"
_LARGER = encode(draw(200, 200), "JPEG")
_PROGRESSIVE, _RESTARTS = JPEGS["jpeg progressive"], JPEGS["jpeg restarts"]

_jpeg = partial(Case, "JPEG", like=BASELINE)


def _coded(marker: int, depth: int = 8) -> bytes:
    """The same image, but called one of another coding or depth."""
    kind = bytes([marker]) + BASELINE[_FRAME + 2 : _FRAME + 4] + bytes([depth])
    return BASELINE[: _FRAME + 1] + kind + BASELINE[_FRAME + 5 :]


def _before_scan(what: bytes) -> bytes:
    return BASELINE[:_SCAN] + what + BASELINE[_SCAN:]


def _before_end(what: bytes, jpeg: bytes = BASELINE) -> bytes:
    return jpeg[:-2] + what + jpeg[-2:]


def _without(marker: int) -> bytes:
    """The image without its tables of this kind."""
    kept, at = [BASELINE[:2]], 2
    while at < _SCAN:
        end = at + 2 + int.from_bytes(BASELINE[at + 2 : at + 4], "big")
        kept.append(BASELINE[at:end] * (BASELINE[at + 1] != marker))
        at = end
    return b"".join(kept) + BASELINE[_SCAN:]


def _marked(what: bytes) -> bytes:
    """The image with restarts, with this instead of its second restart marker."""
    return _RESTARTS.replace(b"\xff\xd1", what, 1)


CODINGS = [
    *(Case("JPEG", kind.removeprefix("jpeg "), data, data) for kind, data in JPEGS.items()),
    _jpeg("extended, of 8 bits", _coded(0xC1)),
    _jpeg("extended, of 12 bits", _coded(0xC1, 12), code=_NONE),
    _jpeg("lossless", _coded(0xC3), code=_NONE),
    _jpeg("hierarchical", _coded(0xC5), code=_NONE),
    _jpeg("hierarchical, progressive", _coded(0xC6), code=_NONE),
    _jpeg("arithmetic", _coded(0xC9), code=_NONE),
    _jpeg("arithmetic, progressive", _coded(0xCA), code=_NONE),
    _jpeg("arithmetic, lossless", _coded(0xCB), code=_NONE),
    _jpeg(
        "of two components", BASELINE[: _FRAME + 9] + b"\2" + BASELINE[_FRAME + 10 :], code=_NONE
    ),
    _jpeg(
        "its height told by its last lines only",
        BASELINE[: _FRAME + 5] + b"\0\0" + _before_end(segment(0xDC, b"\0\x30"))[_FRAME + 7 :],
        code=_NONE,
    ),
    _jpeg("no Huffman tables, as in the frames of a film", _without(0xC4)),
    _jpeg("no quantisation tables", _without(0xDB), code=_NONE),
]

SEGMENTS = [
    _jpeg("junk between its segments", _before_scan(b"junk")),
    _jpeg("fill bytes between its segments", _before_scan(b"\xff" * 9)),
    _jpeg("restart markers between its segments", _before_scan(b"\xff\xd0\xff\xd1")),
    _jpeg("a comment of an impossible length", _before_scan(b"\xff\xfe\0\0")),
    _jpeg("a marker without meaning", _before_scan(b"\xff\x02\0\2"), code=_NONE),
    _jpeg("damaged EXIF", insert_segment(BASELINE, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
    _jpeg("two starts", BASELINE[:2] + BASELINE, code=_CUT),
    _jpeg("an end before its pixels", _before_scan(b"\xff\xd9"), code=_NONE),
]

ENDS = [
    _jpeg("fill bytes before its end", _before_end(b"\xff" * 9)),
    _jpeg("junk before its end", _before_end(_TRAILER)),
    _jpeg("a comment before its end", _before_end(segment(0xFE, b"a rose"))),
    _jpeg("a surplus restart marker before its end", _before_end(b"\xff\xd5")),
    _jpeg("a phone's notes or film behind its end", BASELINE + _TRAILER),
    _jpeg("another JPEG behind its end", BASELINE + encode(draw(16, 16), "JPEG")),
    _jpeg(
        "no end, and another JPEG instead", BASELINE[:-2] + encode(draw(16, 16), "JPEG"), code=_CUT
    ),
    _jpeg(
        "no end, and a phone's notes instead",
        BASELINE[:-2] + _TRAILER,
        code=_CUT,
        is_exception=True,
    ),
    _jpeg("no end", _LARGER[:-2], like=_LARGER, code=_CUT),
    _jpeg("no end, progressive", _PROGRESSIVE[:-2], like=_PROGRESSIVE, code=_CUT),
    _jpeg("no end, with restarts", _RESTARTS[:-2], like=_RESTARTS, code=_CUT),
    _jpeg("cut in its pixels, and a phone's notes behind", BASELINE[:-400] + _TRAILER, code=_CUT),
    _jpeg("cut in its pixels", BASELINE[:-400], code=_CUT),
    _jpeg("cut in its pixels, and closed again", BASELINE[:-400] + b"\xff\xd9", is_exception=True),
]

RESTARTS = [
    _jpeg("restart markers numbered otherwise", _marked(_FIVE), like=_RESTARTS),
    _jpeg("one restart marker missing", _marked(b""), like=_RESTARTS, code=_CUT),
    _jpeg("one restart marker twice", _marked(2 * _FIVE), like=_RESTARTS, code=_CUT),
    _jpeg(
        "surplus restart markers before its end", _before_end(2 * _FIVE, _RESTARTS), like=_RESTARTS
    ),
    _jpeg(
        "a restart marker among its pixels", BASELINE[:-300] + _FIVE + BASELINE[-300:], code=_CUT
    ),
    _jpeg(
        "restarts, and cut and closed again",
        _RESTARTS[:-400] + b"\xff\xd9",
        like=_RESTARTS,
        code=_CUT,
    ),
]

CASES = [*CODINGS, *SEGMENTS, *RESTARTS, *ENDS]
