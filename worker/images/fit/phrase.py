"""What was changed, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.images.fit.encoding import Encoded
    from worker.images.formats import ImageFormat, Layout

_KB, _MB = 1_000, 1_000_000


def describe(before: Layout, source: ImageFormat, size: int, after: Encoded, side: int) -> str:
    """In one phrase, such as `fitted: 1200×900 → 900×900, 1.4 MB → 412 kB, quality 92`."""  # noqa: RUF002 - as written
    times, arrow = "\N{MULTIPLICATION SIGN}", "\N{RIGHTWARDS ARROW}"
    changes = [
        f"{before.width}{times}{before.height} {arrow} {side}{times}{side}",
        f"{show_size(size)} {arrow} {show_size(len(after.data))}",
    ]
    if source is not after.format:
        changes.append(f"{source.label} {arrow} {after.format.label}")
    if after.quality is not None:
        changes.append(f"quality {after.quality}")
    if before.animated:
        changes.append("first frame only")
    if after.flattened:
        changes.append("transparent parts white")
    return f"fitted: {', '.join(changes)}"


def show_size(size: int) -> str:
    """A number of bytes, such as 512 bytes, 412 kB or 1.4 MB."""
    if size < _KB:
        return f"{size} byte{'s' * (size != 1)}"
    if size < _MB - _KB // 2:
        return f"{size / _KB:.0f} kB"
    return f"{size / _MB:.1f} MB"
