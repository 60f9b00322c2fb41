"""What a person sees of a drawing."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console, Group

if TYPE_CHECKING:
    from rich.console import RenderableType


def drawn(*things: RenderableType, width: int = 80, height: int | None = None) -> list[str]:
    """The lines of a drawing on a screen of this size; `height` None for a pipe."""
    console = Console(
        file=StringIO(), width=width, markup=False, emoji=False, highlight=False, no_color=True
    )
    options = console.options.update(height=height)
    lines = console.render_lines(
        things[0] if len(things) == 1 else Group(*things), options, pad=False
    )
    text = "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)
    return text.rstrip("\n").split("\n")
