"""Portraits of robots, drawn large and reduced so that their edges are smooth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGER = 2  # times
_SMALLER = 8  # times, for what gets blurred anyway

_NIGHT = "#181c30"
_STARS = (
    (14, 20, 2.2),
    (86, 16, 3.0),
    (90, 46, 1.4),
    (9, 56, 1.6),
    (76, 7, 1.3),
    (24, 8, 1.2),
)
_LEFT, _RIGHT = 39.5, 60.5


class Eyes(Enum):
    """What a robot's eyes look like."""

    ROUND = auto()
    HAPPY = auto()
    WINK = auto()
    VISOR = auto()


@dataclass(frozen=True, slots=True)
class Robot:
    """What tells one robot from another. Colours are `#rrggbb`.

    Attributes:
        sky: behind it, above.
        ground: behind it, below.
        shell: of head and shoulders.
        glow: of face and antenna.
        eyes: their shape.
    """

    sky: str
    ground: str
    shell: str
    glow: str
    eyes: Eyes = Eyes.ROUND


def draw(robot: Robot, side: int) -> Image.Image:
    """A portrait, `side` pixels square."""
    picture = _gradient(robot.sky, robot.ground, side * _LARGER)
    pen = _Pen(picture)
    shade = _mix(robot.shell, robot.ground)
    _draw_background(pen)
    _draw_body(pen, robot, shade)
    _draw_antenna(pen, robot, shade)
    _draw_head(pen, robot, shade)
    _draw_face(pen, robot)
    return picture.reduce(_LARGER)


class _Pen:
    """Draws in hundredths of the picture's side; shapes are told by their centre and size."""

    def __init__(self, picture: Image.Image) -> None:
        self.picture = picture
        self._draw = ImageDraw.Draw(picture, "RGBA" if picture.mode == "RGB" else None)
        self._unit = picture.width / 100

    def ellipse(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self._draw.ellipse(self._box(x, y, width, height), colour)

    def block(  # noqa: PLR0917 - a shape is numbers in a known order
        self, x: float, y: float, width: float, height: float, radius: float, colour: str
    ) -> None:
        self._draw.rounded_rectangle(self._box(x, y, width, height), radius * self._unit, colour)

    def arc(  # noqa: PLR0917 - the same
        self, x: float, y: float, size: float, start: float, end: float, colour: str
    ) -> None:
        thickness = round(2.3 * self._unit)
        self._draw.arc(self._box(x, y, size, size), start, end, colour, thickness)

    def blurred(self, colour: str, blur: float, paint: Callable[[_Pen], None]) -> None:
        """Lay `colour` where `paint` paints, `blur` hundredths soft."""
        mask = Image.new("L", (self.picture.width // _SMALLER, self.picture.height // _SMALLER))
        paint(_Pen(mask))
        mask = mask.filter(ImageFilter.GaussianBlur(blur * self._unit / _SMALLER))
        self.picture.paste(colour, None, mask.resize(self.picture.size))

    def _box(self, x: float, y: float, width: float, height: float) -> tuple[float, ...]:
        return tuple(
            edge * self._unit
            for edge in (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        )


def _gradient(top: str, bottom: str, side: int) -> Image.Image:
    slope = Image.linear_gradient("L").rotate(28, Image.Resampling.BICUBIC)
    mask = slope.crop((45, 45, 211, 211)).resize((side, side))
    picture = Image.new("RGB", (side, side), bottom)
    picture.paste(top, None, ImageChops.invert(mask))
    return picture


def _mix(shell: str, ground: str) -> str:
    parts = zip(ImageColor.getrgb(shell), ImageColor.getrgb(ground), strict=True)
    return "#" + "".join(f"{(4 * bright + dark) // 5:02x}" for bright, dark in parts)


def _draw_background(pen: _Pen) -> None:
    pen.ellipse(50, 52, 86, 86, "#ffffff29")
    pen.ellipse(50, 52, 70, 70, "#ffffff1f")
    for x, y, size in _STARS:
        pen.ellipse(x, y, size, size, "#ffffff8c")


def _draw_body(pen: _Pen, robot: Robot, shade: str) -> None:
    pen.blurred("black", 3, lambda soft: soft.block(50, 103, 64, 34, 15, "#505050"))
    pen.block(50, 82, 18, 14, 2, shade)
    pen.block(50, 104, 62, 34, 14, robot.shell)
    pen.ellipse(50, 94, 5, 5, robot.glow)


def _draw_antenna(pen: _Pen, robot: Robot, shade: str) -> None:
    pen.block(50, 24, 2.6, 14, 1.2, shade)
    pen.blurred(robot.glow, 2, lambda soft: soft.ellipse(50, 15.5, 11, 11, "#e0e0e0"))
    pen.ellipse(50, 15.5, 7.4, 7.4, robot.glow)
    pen.ellipse(48.8, 14.2, 2, 2, "#ffffffd0")


def _draw_head(pen: _Pen, robot: Robot, shade: str) -> None:
    pen.blurred("black", 3, lambda soft: soft.block(50, 57, 58, 48, 15, "#5a5a5a"))
    for x in (19.5, 80.5):
        pen.block(x, 53, 9, 17, 4, shade)
    pen.block(50, 53, 58, 48, 15, _mix(robot.shell, shade))
    pen.block(50, 51.3, 58, 44.6, 15, robot.shell)
    pen.block(40, 32.6, 18, 1.8, 0.9, "#ffffff90")
    pen.block(50, 53, 47, 34, 10, _NIGHT)
    pen.block(50, 44, 43, 13, 6.5, "#3c466e60")


def _draw_face(pen: _Pen, robot: Robot) -> None:
    pen.blurred(robot.glow, 1.6, lambda soft: _draw_features(soft, robot.eyes, "#c0c0c0"))
    _draw_features(pen, robot.eyes, robot.glow)
    for x in (31.8, 68.2):
        pen.ellipse(x, 60, 5.5, 3.4, "#ff788c70")


def _draw_features(pen: _Pen, eyes: Eyes, colour: str) -> None:
    if eyes is Eyes.VISOR:
        pen.block(50, 50, 33, 6.4, 3.2, colour)
    for x in () if eyes is Eyes.VISOR else (_LEFT, _RIGHT):
        if eyes is Eyes.HAPPY or (eyes is Eyes.WINK and x == _LEFT):
            pen.arc(x, 52, 9.5, 195, 345, colour)
        else:
            pen.block(x, 50, 7.6, 10, 3.8, colour)
            pen.ellipse(x - 1.2, 47.6, 2.2, 2.2, "#ffffff")
    pen.arc(50, 56, 13, 30, 150, colour)
