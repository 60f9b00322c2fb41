"""Transfer functions: from a pixel's value, 0 to 1, to linear light, and sRGB's back.

The numbers are those of ITU-T H.273, table 3. Where a standard's camera and screen differ, the
screen's function counts, as in Chromium: 2.4 is BT.1886's.
"""

from collections.abc import Callable
from functools import partial
from math import exp

Transfer = Callable[[float], float]
"""From a value to linear light, both 0 to 1."""

_LINEAR_END, _ENCODED_END = 0.0031308, 0.04045


def power(value: float, exponent: float, factor: float = 1.0) -> float:
    """A plain exponent."""
    return float(factor * value**exponent)


def decode_srgb(value: float) -> float:
    """SRGB's function."""
    if value <= _ENCODED_END:
        return value / 12.92
    return float(((value + 0.055) / 1.055) ** 2.4)


def encode_srgb(light: float) -> float:
    """The inverse of `decode_srgb`; of what is negative, as of the opposite."""
    if light < 0:
        return -encode_srgb(-light)
    if light <= _LINEAR_END:
        return light * 12.92
    return float(1.055 * light ** (1 / 2.4) - 0.055)


def decode_pq(value: float) -> float:
    """PQ's function (SMPTE ST 2084); 1 is 10,000 cd/m²."""
    root = value ** (1 / 78.84375)
    return float(
        (max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    )


def decode_hlg(value: float) -> float:
    """HLG's function (ARIB STD-B67), to the light of the scene."""
    if value <= 0.5:  # noqa: PLR2004 - where its two pieces meet
        return value * value / 3
    return (exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12


def _decode_240m(value: float) -> float:
    if value < 0.0912:  # noqa: PLR2004 - where its two pieces meet
        return value / 4
    return float(((value + 0.1115) / 1.1115) ** (1 / 0.45))


_bt1886 = partial(power, exponent=2.4)
TRANSFERS: dict[int, Transfer] = {
    1: _bt1886,
    4: partial(power, exponent=2.2),
    5: partial(power, exponent=2.8),
    6: _bt1886,
    7: _decode_240m,
    8: partial(power, exponent=1.0),
    11: _bt1886,
    13: decode_srgb,
    14: _bt1886,
    15: _bt1886,
    17: partial(power, exponent=2.6, factor=52.37 / 48),
}
"""Of images of the usual range of brightness."""
