"""`python -m benchmarks.image`: print a table of formats and sizes.

The figures of a row are measured in turns, so that a busy machine slows all of them; compare
within a row. Each is the best of several.
"""

from __future__ import annotations

import time
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

import click
from PIL import Image, ImageFilter

from facelift.fit import Fit
from worker.images.fit import fit, show_size
from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits, validate

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = ImageLimits(byte_limit=100_000_000, formats=frozenset(ImageFormat))
KINDS: dict[str, dict[str, Any]] = {
    "PNG": {"format": "PNG"},
    "JPEG": {"format": "JPEG", "quality": 85},
    "JPEG, progressive": {"format": "JPEG", "quality": 85, "progressive": True},
    "WebP": {"format": "WEBP", "quality": 85},
    "GIF": {"format": "GIF"},
}


def photograph(width: int, height: int) -> Image.Image:
    """Soft noise, which compresses as photographs do."""
    small = Image.frombytes(
        "RGB", (width // 4, height // 4), Random(3).randbytes(3 * (width // 4) * (height // 4))
    )
    return small.filter(ImageFilter.GaussianBlur(1)).resize((width, height))


def encode(image: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """The image's file."""
    stream = BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


def decode(data: bytes) -> None:
    """Decode all of it, as one would to check it."""
    with Image.open(BytesIO(data)) as image:
        image.load()


def best(rounds: int, *steps: Callable[[], object]) -> list[float]:
    """Seconds that each step takes, at best, over rounds in which they take turns."""
    seconds = [float("inf")] * len(steps)
    for _ in range(rounds):
        for number, step in enumerate(steps):
            began = time.perf_counter()
            step()
            seconds[number] = min(seconds[number], time.perf_counter() - began)
    return seconds


@click.command()
@click.option("--side", "sides", type=int, multiple=True, default=(256, 1024, 2048))
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
def main(sides: tuple[int, ...], rounds: int) -> None:
    """Time validation against a full decode, and fitting."""
    click.echo("Proving whole, against Pillow's full decode")
    click.echo(f"{'':<19}{'side':>5}  {'size':>9}  {'decode':>9}  {'validate':>9}  ratio")
    for kind, options in KINDS.items():
        for side in sides:
            data = encode(photograph(side, side), **options)
            full, ours = best(
                rounds,
                lambda data=data: decode(data),  # type: ignore[misc] # bound now, not later
                lambda data=data: validate(data, LIMITS),  # type: ignore[misc] # the same
            )
            click.echo(
                f"{kind:<19}{side:>5}  {show_size(len(data)):>9}  {1000 * full:>6.1f} ms"
                f"  {1000 * ours:>6.1f} ms  {ours / full:>5.2f}"
            )
    click.echo("\nFitting, crop")
    for kind, options in KINDS.items():
        for width, height in ((1200, 900), (4000, 3000)):
            data = encode(photograph(width, height), **options)
            limits = ImageLimits(fit_byte_limit=100_000_000)
            (seconds,) = best(
                2,
                lambda data=data, limits=limits: fit(data, limits, Fit.CROP),  # type: ignore[misc] # the same
            )
            phrase = fit(data, limits, Fit.CROP).fitted.removeprefix("fitted: ")
            click.echo(f"{kind:<19}{seconds:>6.2f} s  {phrase}")


main()
