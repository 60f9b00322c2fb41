"""The images of the benchmarks: square JPEGs of about 160 kB."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from PIL import Image

from sandbox.robots import Eyes, Robot, draw

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 800
_GRAIN = 0.15  # film grain, without which a drawn robot would compress to a tenth


def write_images(folder: Path, count: int = 16) -> list[str]:
    """Write them into `folder`, the same every time; returns their names."""
    robot = draw(Robot("#43cea2", "#185a9d", "#eafff6", "#9dffb0", Eyes.WINK), SIDE)
    names = [f"{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        noise = Image.frombytes("RGB", robot.size, Random(number).randbytes(3 * SIDE * SIDE))
        Image.blend(robot, noise, _GRAIN).save(folder / name, "JPEG", quality=85)
    return names
