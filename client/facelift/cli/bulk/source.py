"""What `facelift enqueue-many` reads: a file, standard input or a folder."""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from facelift.cli.bulk.lines import Defaults, JobFile, Line, read_folder
from facelift.job import check_batch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

_SUFFIXES = (".gif", ".jpeg", ".jpg", ".png", ".webp")


class Source:
    """A file, standard input or a folder.

    Args:
        given: its path, or `-`.
        batch: of its jobs; None to derive it from the path, and a file's size and time, so that
            the same file gives the same batch again.

    Attributes:
        path: None for standard input.
        header: the line that names the columns, if there is one.
        size: bytes of a file, images of a folder; 0 if unknown.
        left_alone: files of a folder whose names are no image's.
    """

    def __init__(self, given: str, batch: str | None) -> None:
        self.path = None if given == "-" else Path(given)
        self.name = "standard input" if self.path is None else given
        self.batch = _batch_of(self.path) if batch is None else check_batch(batch)
        self.header = b""
        self.size = 0
        self.left_alone = 0

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path is not None and self.path.is_dir()

    def lines(
        self, files: ExitStack, store: str | None, prefix: str, defaults: Defaults
    ) -> Iterable[Line]:
        """Read it.

        Args:
            files: closes what is opened.
            store: for a folder; see `read_folder`.
            prefix: the same.
            defaults: for all of its jobs.
        """
        if self.path is not None and store is not None:
            visible = (each for each in self.path.iterdir() if not each.name.startswith("."))
            names = sorted(each.name for each in visible if each.is_file())
            images = [name for name in names if name.lower().endswith(_SUFFIXES)]
            self.left_alone = len(names) - len(images)
            self.size = len(images)
            return read_folder(images, self.path, store, prefix, defaults)
        stream: BinaryIO = sys.stdin.buffer
        if self.path is not None:
            stream = files.enter_context(self.path.open("rb"))
            self.size = self.path.stat().st_size
        file = JobFile(stream, defaults)
        self.header = file.header
        return file


def _batch_of(path: Path | None) -> str:
    if path is None:
        return f"stdin-{secrets.token_hex(4)}"
    path = path.resolve()
    what = str(path)
    if not path.is_dir():
        found = path.stat()
        what += f" {found.st_size} {found.st_mtime_ns}"
    mark = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9]+", "-", path.stem)[:40].strip("-")
    return f"{name or 'jobs'}-{mark}"
