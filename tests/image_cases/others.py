"""WebPs and GIFs with odd parts and odd ends."""

from __future__ import annotations

import struct
from functools import partial

from facelift.codes import OutcomeCode
from tests.image_cases.case import Case
from tests.images import ANIMATED, OTHERS, SIDE

_CUT, _NONE = OutcomeCode.IMAGE_TRUNCATED, OutcomeCode.IMAGE_NOT_AN_IMAGE
_MOVES = OutcomeCode.IMAGE_ANIMATED

_WEBP, _GIF = OTHERS["webp"], OTHERS["gif"]
_KEY_FRAME = _WEBP[20:]
_MOVES_FLAG, _ALPHA_FLAG = 2, 16


def riff(*parts: tuple[bytes, bytes]) -> bytes:
    """A WebP of these parts."""
    body = b"".join(map(_part, parts))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _part(part: tuple[bytes, bytes]) -> bytes:
    kind, data = part
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def canvas(flags: int, side: int = SIDE) -> tuple[bytes, bytes]:
    """The header of an extended WebP, `VP8X`."""
    return b"VP8X", bytes([flags, 0, 0, 0]) + 2 * struct.pack("<I", side - 1)[:3]


_STILL = (b"VP8 ", _KEY_FRAME)
_ANIMATION = (b"ANIM", bytes(6))
_ONE = (
    b"ANMF",
    bytes(6) + 2 * struct.pack("<I", SIDE - 1)[:3] + b"\x64\0\0\0" + _part(_STILL),
)

_webp = partial(Case, "WebP", like=_WEBP)
_gif = partial(Case, "GIF", like=_GIF)

WEBPS = [
    *(
        Case("WebP", "plain" if kind == "webp" else kind.removeprefix("webp "), data, data)
        for kind, data in OTHERS.items()
        if kind.startswith("webp")
    ),
    _webp("a header that promises an alpha channel", riff(canvas(_ALPHA_FLAG), _STILL)),
    _webp("a part of no known kind behind its pixels", riff(_STILL, (b"what", b"odd"))),
    _webp("junk behind its end", _WEBP + b"junk"),
    _webp("cut at its end", _WEBP[:-4], code=_CUT),
    _webp(
        "longer, as it says, than it is",
        _WEBP[:4] + struct.pack("<I", len(_WEBP)) + _WEBP[8:],
        code=_CUT,
    ),
    _webp("a part before its header", riff((b"what", b"odd"), _STILL), code=_NONE),
    _webp("a canvas larger than its pixels", riff(canvas(0, SIDE + 1), _STILL), code=_NONE),
    _webp("an animation of one frame", riff(canvas(_MOVES_FLAG), _ANIMATION, _ONE)),
    _webp(
        "an animation of two frames", riff(canvas(_MOVES_FLAG), _ANIMATION, _ONE, _ONE), code=_MOVES
    ),
    _webp(
        "an animation of one frame smaller than its canvas",
        riff(canvas(_MOVES_FLAG, SIDE + 2), _ANIMATION, _ONE),
        code=_MOVES,
    ),
    _webp("a header that promises an animation", riff(canvas(_MOVES_FLAG), _STILL), code=_MOVES),
]

GIFS = [
    _gif("plain", _GIF),
    _gif("junk behind its end", _GIF + b"junk"),
    _gif("no end", _GIF[:-1]),
    _gif("junk instead of its end", _GIF[:-1] + b"junk"),
    _gif("a comment that is cut", _GIF[:-1] + b"!\xfe\x30a rose"),
    _gif("cut in its pixels", _GIF[:-40], code=_CUT),
    Case("GIF", "two frames", ANIMATED["animated gif"], _GIF, _MOVES),
]

CASES = [*WEBPS, *GIFS]
