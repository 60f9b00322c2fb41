"""A folder as image store, confined to it whatever the path says."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from tasks.codes import OutcomeCode
from worker.errors import ImageRejected, StoreUnavailable

_LONGEST_SHOWN = 80
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Not blocking, so that a pipe with nobody at its other end cannot hold a thread.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_UNREADABLE = {
    errno.EACCES: "may not be read by the worker",
    errno.EPERM: "may not be read by the worker",
    errno.ELOOP: "is a symbolic link that leads nowhere",
    errno.ENXIO: "is not a regular file",
    errno.ENODEV: "is not a regular file",
}


class FolderStore:
    """Reads the regular files below `root`.

    Symbolic links are followed while they stay below `root`. The way to the file is resolved
    first, and then walked from a handle on `root`, name by name and following no link: who
    exchanges a folder for a link in between gets nothing.

    Args:
        root: the folder; must be there when the store is opened.

    Raises:
        ValueError: `root` is not a folder that can be read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._device = root.stat().st_dev
            os.close(os.open(root, _FOLDER))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", error)
            raise ValueError(f"the folder {str(root)!r} cannot be read: {reason}") from error

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`."""
        try:
            root = os.open(self._root, _FOLDER)
        except OSError as error:
            raise _unavailable("its folder cannot be opened", error) from error
        try:
            file = _open_below(root, *self._resolve(path))
            try:
                return _read(file, path, limit)
            finally:
                os.close(file)
        except ValueError as error:  # a NUL or half a surrogate pair, which no file's name can hold
            raise _missing(path) from error
        except OSError as error:
            if error.errno in _UNREADABLE:
                words = _UNREADABLE[error.errno]
                raise _rejected(OutcomeCode.IMAGE_UNREADABLE, path, words) from error
            if error.errno not in _MISSING:
                raise _unavailable("reading from it failed", error) from error
            if self._is_unmounted(root):
                raise _unavailable("its folder is not mounted") from error
            raise _missing(path) from error
        finally:
            os.close(root)

    def _is_unmounted(self, root: int) -> bool:
        """Whether the root has become an empty folder of another file system."""
        try:
            return os.fstat(root).st_dev != self._device and not os.listdir(root)
        except OSError:
            return True

    def _resolve(self, path: str) -> tuple[str, ...]:
        """The names that lead from the root to the file, without any link."""
        way = Path(os.path.normpath(path))
        if not way.is_absolute() and way.parts[:1] != (os.pardir,):  # else look no further
            root = os.path.realpath(self._root)
            target = Path(os.path.realpath(Path(root, path)))
            if target.is_relative_to(root):
                return target.relative_to(root).parts
        raise _rejected(OutcomeCode.IMAGE_OUTSIDE_STORE, path, "leads out of the image store")


def _open_below(folder: int, *names: str) -> int:
    *folders, file = names or (os.curdir,)
    folder = os.dup(folder)
    try:
        for name in folders:
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(file, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _read(file: int, path: str, limit: int) -> bytes:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise _rejected(OutcomeCode.IMAGE_UNREADABLE, path, "is not a regular file")
    with os.fdopen(file, "rb", closefd=False) as stream:
        data = stream.read(limit + 1)
    if len(data) <= limit:
        return data
    size = max(len(data), status.st_size)
    raise _rejected(
        OutcomeCode.IMAGE_TOO_LARGE, path, f"has {size:,} bytes; the limit is {limit:,}"
    )


def _missing(path: str) -> ImageRejected:
    return _rejected(OutcomeCode.IMAGE_NOT_FOUND, path, "is not in the image store")


def _rejected(code: OutcomeCode, path: str, words: str) -> ImageRejected:
    shown = repr(path) if len(path) <= _LONGEST_SHOWN else repr(path[:_LONGEST_SHOWN]) + "..."
    return ImageRejected(code, f"{shown} {words}.")


def _unavailable(words: str, error: OSError | None = None) -> StoreUnavailable:
    reason = f": {error.strerror}" if error else ""
    return StoreUnavailable(
        OutcomeCode.IMAGE_STORE_UNAVAILABLE, f"The image store is not available; {words}{reason}."
    )
