"""Primaries and white points, and the matrices between them.

The numbers are those of ITU-T H.273, table 2; whites other than a space's own are adapted by
Bradford's method, so that white stays white.
"""

from collections.abc import Sequence
from typing import NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

D50: Vector = (0.9642, 1.0, 0.8249)
"""The white of an ICC profile's connection space, in XYZ."""

_BRADFORD: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_SMALLEST = 1e-6
_D65, _C, _DCI, _EQUAL = (0.3127, 0.329), (0.31, 0.316), (0.314, 0.351), (1 / 3, 1 / 3)


class Primaries(NamedTuple):
    """Chromaticities, each as x and y."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]

    def to_d50(self) -> Matrix:
        """The matrix from linear RGB to XYZ relative to D50.

        Raises:
            ValueError: there is none, because a point lies outside the diagram or all of them on
                one line.
        """
        for x, y in self:
            if min(x, y) < 0 or x + y > 1 + _SMALLEST:
                raise ValueError("a chromaticity lies outside the diagram")
        columns = _transpose((_xyz(*self.red), _xyz(*self.green), _xyz(*self.blue)))
        x, y = self.white
        if y < _SMALLEST:
            raise ValueError("white has no luminance")
        white = x / y, 1.0, (1 - x - y) / y
        scale = apply(inverse(columns), white)
        own = _scale_columns(columns, scale)
        cones = [
            there / here
            for there, here in zip(apply(_BRADFORD, D50), apply(_BRADFORD, white), strict=True)
        ]
        adapted = _multiply(inverse(_BRADFORD), _multiply(_diagonal(cones), _BRADFORD))
        return _multiply(adapted, own)

    def to(self, other: "Primaries") -> Matrix:
        """The matrix from linear RGB of these primaries to that of others.

        Raises:
            ValueError: as for `to_d50`.
        """
        return _multiply(inverse(other.to_d50()), self.to_d50())


SRGB = Primaries(_D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
BT2020 = Primaries(_D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    4: Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    6: Primaries(_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    7: Primaries(_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: BT2020,
    10: Primaries(_EQUAL, (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: Primaries(_DCI, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    12: Primaries(_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    22: Primaries(_D65, (0.63, 0.34), (0.295, 0.605), (0.155, 0.077)),
}


def apply(matrix: Matrix, vector: Sequence[float]) -> Vector:
    """The product of a matrix and a vector."""
    x, y, z = vector
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def inverse(matrix: Matrix) -> Matrix:
    """The inverse of a matrix.

    Raises:
        ValueError: it has none.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < _SMALLEST:
        raise ValueError("the primaries lie on one line")
    return (
        (
            (e * i - f * h) / determinant,
            (c * h - b * i) / determinant,
            (b * f - c * e) / determinant,
        ),
        (
            (f * g - d * i) / determinant,
            (a * i - c * g) / determinant,
            (c * d - a * f) / determinant,
        ),
        (
            (d * h - e * g) / determinant,
            (b * g - a * h) / determinant,
            (a * e - b * d) / determinant,
        ),
    )


def _xyz(x: float, y: float) -> Vector:
    return x, y, 1 - x - y


def _multiply(left: Matrix, right: Matrix) -> Matrix:
    columns = [apply(left, column) for column in _transpose(right)]
    return _transpose((columns[0], columns[1], columns[2]))


def _transpose(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return (a, d, g), (b, e, h), (c, f, i)


def _diagonal(values: Sequence[float]) -> Matrix:
    x, y, z = values
    return (x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, z)


def _scale_columns(matrix: Matrix, scale: Vector) -> Matrix:
    return _multiply(matrix, _diagonal(scale))
