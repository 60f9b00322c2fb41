"""The images of the benchmarks: square JPEGs of about 160 kB."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 800
_GRAIN = 0.13  # film grain, without which smooth colours would compress to a tenth


def write_images(folder: Path, count: int = 16) -> list[str]:
    """Write them into `folder`, the same every time; returns their names."""
    names = [f"{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        random = Random(number)
        blotches = Image.frombytes("RGB", (16, 16), random.randbytes(3 * 16 * 16))
        scene = blotches.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        noise = Image.frombytes("RGB", scene.size, random.randbytes(3 * SIDE * SIDE))
        Image.blend(scene, noise, _GRAIN).save(folder / name, "JPEG", quality=85)
    return names
