"""The fenced blocks of the documents, for tests that run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?:#|//) (\S+\.\w+)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: as it is marked.
        text: what stands in it.
    """

    language: str
    text: str

    @property
    def name(self) -> str | None:
        """The file that it is, if its first line is a comment that says so."""
        named = _NAMED.match(self.text.partition("\n")[0])
        return named[1] if named else None


def blocks(document: str) -> list[Block]:
    """Those of a page, in order."""
    text = (DOCS / document).read_text("utf-8")
    return [Block(language, body) for language, body in _FENCED.findall(text)]


def write_files(document: str, folder: Path) -> list[str]:
    """Write the blocks that are files into `folder`; returns their names."""
    files = {block.name: block.text for block in blocks(document) if block.name}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return list(files)
