"""What `facelift enqueue-many` reads: a file, standard input or a folder."""

import hashlib
import re
import secrets
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from facelift.cli.bulk.lines import Defaults, JobFile, Line, read_folder

_SUFFIXES = (".gif", ".jpeg", ".jpg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Source:
    """The lines of a file, or of a folder.

    Attributes:
        header: the line that names the columns; empty if there is none.
        size: bytes of a file, images of a folder; 0 if unknown.
        left_alone: files of a folder whose names are no image's.
    """

    lines: Iterable[Line]
    header: bytes = b""
    size: int = 0
    left_alone: int = 0


def open_file(path: Path | None, files: ExitStack, defaults: Defaults) -> Source:
    """Read a file, which `files` closes; standard input if it is None."""
    if path is None:
        file = JobFile(sys.stdin.buffer, defaults)
        return Source(file, file.header)
    file = JobFile(files.enter_context(path.open("rb")), defaults)
    return Source(file, file.header, path.stat().st_size)


def open_folder(path: Path, store: str, prefix: str, defaults: Defaults) -> Source:
    """Read a folder; see `read_folder`."""
    visible = (each for each in path.iterdir() if not each.name.startswith("."))
    names = sorted(each.name for each in visible if each.is_file())
    images = [name for name in names if name.lower().endswith(_SUFFIXES)]
    lines = read_folder(images, path, store, prefix, defaults)
    return Source(lines, size=len(images), left_alone=len(names) - len(images))


def batch_of(path: Path | None) -> str:
    """A batch's name by path, and a file's size and time: the same file gives the same again."""
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
