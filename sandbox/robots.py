"""Draws portraits of robots, at twice their size so that the edges are smooth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from PIL import Image, ImageDraw, ImageOps

_SCALE = 2
_SCREEN = "#181c30"


class Eyes(Enum):
    """What a robot's eyes look like."""

    ROUND = auto()
    HAPPY = auto()
    WINK = auto()
    VISOR = auto()


@dataclass(frozen=True, slots=True)
class Robot:
    """What distinguishes a robot. Colours are `#rrggbb`."""

    sky: str  # the background's top
    ground: str  # the background's bottom
    shell: str  # head and shoulders
    glow: str  # face and antenna
    eyes: Eyes = Eyes.ROUND


def draw(robot: Robot, side: int) -> Image.Image:
    """A portrait, `side` pixels square."""
    size = (side * _SCALE, side * _SCALE)
    image = Image.new("RGB", size, robot.ground)
    image.paste(robot.sky, None, ImageOps.invert(Image.linear_gradient("L").resize(size)))
    pen = ImageDraw.Draw(image)
    unit = size[0] / 100  # shapes are in hundredths of the side, around their centre

    def block(x: float, y: float, width: float, height: float, radius: float, colour: str) -> None:  # noqa: PLR0917 - a shape is numbers in a known order
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        pen.rounded_rectangle([edge * unit for edge in box], radius * unit, colour)

    def arc(x: float, y: float, diameter: float, start: float, end: float) -> None:
        box = (x - diameter / 2, y - diameter / 2, x + diameter / 2, y + diameter / 2)
        pen.arc([edge * unit for edge in box], start, end, robot.glow, round(2.3 * unit))

    block(50, 82, 18, 14, 2, robot.ground)
    block(50, 104, 62, 34, 14, robot.shell)
    block(50, 24, 2.6, 14, 1.2, robot.shell)
    block(50, 15.5, 7.4, 7.4, 3.7, robot.glow)
    block(50, 53, 70, 17, 4, robot.ground)
    block(50, 53, 58, 48, 15, robot.shell)
    block(50, 53, 47, 34, 10, _SCREEN)
    if robot.eyes is Eyes.VISOR:
        block(50, 50, 33, 6.4, 3.2, robot.glow)
    for x in () if robot.eyes is Eyes.VISOR else (39.5, 60.5):
        if robot.eyes is Eyes.HAPPY or (robot.eyes is Eyes.WINK and x < 50):  # noqa: PLR2004 - the left one
            arc(x, 52, 9.5, 195, 345)
        else:
            block(x, 50, 7.6, 10, 3.8, robot.glow)
    arc(50, 56, 13, 30, 150)
    return image.reduce(_SCALE)
