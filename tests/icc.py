"""ICC profiles of every kind, made here."""

from __future__ import annotations

from itertools import product
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

D50 = (0.9642, 1.0, 0.8249)
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
"""Display P3's red, green and blue in XYZ, as its profile has them."""


SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
"""The same of sRGB."""


def matrix_profile(
    curve: Callable[[float], float], colours: Sequence[Sequence[float]] = P3
) -> bytes:
    """RGB, by a curve and a matrix."""
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))
    points = {
        name: _xyz(point) for name, point in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True)
    }
    return _profile(b"mntr", b"RGB ", b"XYZ ", curves | points)


def grey_profile(curve: Callable[[float], float]) -> bytes:
    """Grey, by a curve."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(curve)})


def table_profile(space: bytes, to_lab: Callable[..., tuple[float, float, float]]) -> bytes:
    """By a table of two steps for each component, to Lab: as printers have them.

    Args:
        space: of 3 or 4 components, such as `CMYK`.
        to_lab: from components, 0 or 1, to L (0 to 100), a and b (-128 to 127).
    """
    count = len(space.strip())
    line = bytes(range(256))
    corners = b"".join(
        bytes((round(light * 2.55), round(a + 128), round(b + 128)))
        for light, a, b in (to_lab(*corner) for corner in product((0, 1), repeat=count))
    )
    identity = b"".join(
        pack(">i", 65536 * (row == column)) for row in range(3) for column in range(3)
    )
    table = pack(">4s4xBBBx", b"mft1", count, 3, 2) + identity + line * count + corners + line * 3
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    return _profile(kind, space, b"Lab ", {b"A2B0": table})


def with_tag(profile: bytes, name: bytes, body: bytes) -> bytes:
    """The profile with one tag more."""
    count = int.from_bytes(profile[128:132], "big")
    table = bytearray(profile[132 : 132 + 12 * count])
    for at in range(4, len(table), 12):
        table[at : at + 4] = pack(">I", int.from_bytes(table[at : at + 4], "big") + 12)
    table += pack(">4sII", name, len(profile) + 12, len(body))
    made = profile[:128] + pack(">I", count + 1) + table + profile[132 + 12 * count :] + body
    return pack(">I", len(made)) + made[4:]


def _profile(kind: bytes, space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    tags = {b"wtpt": _xyz(D50)} | dict(tags)
    at, table, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += pack(">4sII", name, at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = pack(">8xI4s4s4s12x4s28x", 0x02400000, kind, space, connection, b"acsp")
    head += b"".join(map(_fixed, D50)) + bytes(48)
    made = head + pack(">I", len(tags)) + table + bodies
    return pack(">I", len(made)) + made[4:]


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _fixed(value: float) -> bytes:
    return pack(">i", round(value * 65536))


def _curve(curve: Callable[[float], float]) -> bytes:
    values = [round(65535 * curve(step / 1023)) for step in range(1024)]
    return pack(">4s4xI1024H", b"curv", 1024, *values)
