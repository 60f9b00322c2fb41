"""Map the brightness of HDR images (PQ, HLG) to what an ordinary screen shows.

As Chromium does: by the reference white tone mapping of SMPTE ST 2094-50, annex C. White, which
has 203 cd/m² (ITU-R BT.2408), gets as much darker as highlights need to stay visible: to half its
light, for highlights of 1,000 cd/m² and more. From there up, a curve leads to the brightest.
"""

from collections.abc import Callable
from math import log2
from typing import Any

WHITE = 203.0
"""Of an HDR image, in cd/m²."""

_USUAL_PEAK = 1000.0  # cd/m²
_KAPPA = 0.65  # how far the curve keeps the slope that it begins with


class ToneMap:
    """By how much to multiply the light of a pixel.

    Args:
        peak: of the brightest pixel in cd/m²; 0 if it is unknown.
    """

    def __init__(self, peak: float) -> None:
        headroom = max(0.0, log2((peak or _USUAL_PEAK) / WHITE))
        self._white = 1 - 0.5 * min(1.0, headroom / log2(_USUAL_PEAK / WHITE))
        self._peak = 2**headroom
        # A quadratic Bézier curve from white over a middle to the peak, without its constants.
        x, y = 1 - _KAPPA + _KAPPA / self._white, (1 - _KAPPA) * self._white + _KAPPA
        self._x = (1 - 2 * x + self._peak, 2 * x - 2)
        self._y = (self._white - 2 * y + 1, 2 * y - 2 * self._white)

    def gain(
        self,
        light: Any,  # noqa: ANN401 - a number, or an image of numbers
        most: Callable[..., Any] = max,
        least: Callable[..., Any] = min,
    ) -> Any:  # noqa: ANN401 - the same
        """The factor for a pixel whose strongest component has `light`; 1 is white.

        Args:
            light: a number, or what `ImageMath` computes with.
            most: the larger of two of them.
            least: the smaller of two of them.
        """
        bright = most(light, 1.0)
        above = least(bright, self._peak) - 1.0
        square, linear = self._x
        along = above * 2.0 / ((above * (4.0 * square) + linear * linear) ** 0.5 + linear)
        square, linear = self._y
        return ((along * square + linear) * along + self._white) / bright
