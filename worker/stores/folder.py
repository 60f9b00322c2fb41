"""A folder as image store, confined to it whatever the path says."""

import errno
import os
import stat
import time
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from worker.errors import ImageRejected
from worker.stores.protocol import (
    NetworkLimits,
    missing,
    outside,
    too_large,
    unavailable,
    unreadable,
)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Not blocking, so that a pipe without a writer cannot hold a thread.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
_ELSEWHERE = {"", os.curdir, os.pardir}
_IS_LINK = {errno.ELOOP, errno.ENOTDIR}  # or it is no folder, which resolving finds out as well
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

    The file is opened from `root` folder by folder, following no link. A path with links is
    resolved first, and must stay below `root`; exchanging a folder for a link in between has
    no effect.

    Args:
        root: the folder; must be there when the store is opened, unless there is a marker.
        marker: a file below `root`, without which the folder is not mounted: nothing is read.

    Raises:
        ValueError: `root` is not a folder that can be read.
    """

    def __init__(self, root: Path, marker: str | None = None) -> None:
        self._root = root
        self._marker = None if marker is None else root / marker
        self._device = 0
        if self._marker is not None:
            return
        try:
            self._device = root.stat().st_dev
            os.close(os.open(root, _FOLDER))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", error)
            raise ValueError(f"the folder {str(root)!r} cannot be read: {reason}") from error

    @classmethod
    def from_url(cls, url: str, limits: NetworkLimits | None = None) -> Self:  # noqa: ARG003 - a folder's reads cannot be cut off
        """Open the store that is written as file:///srv/media?marker=.mounted.

        Raises:
            ValueError: the URL is of another form, or its folder cannot be read.
        """
        parts = urlsplit(url)
        path = unquote(parts.path, errors="surrogateescape")
        if parts.scheme != "file" or not path.startswith("/"):
            raise ValueError("must be a file URL with an absolute path, like file:///srv/media")
        if parts.netloc:
            raise ValueError("must name no host: three slashes after file:, like file:///srv/media")
        options = parse_qsl(parts.query, keep_blank_values=True)
        if parts.fragment or (parts.query and [name for name, _ in options] != ["marker"]):
            raise ValueError(
                "must write ? and # in a folder's name as %3F and %23; at its end it may have "
                "?marker=NAME"
            )
        marker = dict(options).get("marker")
        if marker is not None and not _is_name_below(marker):
            raise ValueError("must have a marker that is a file's name or path below the folder")
        return cls(Path(path), marker)

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`."""
        self._check_marker()
        try:
            file = self._open(path)
            try:
                return _read(file, path, limit)
            finally:
                os.close(file)
        except ValueError as error:  # a NUL or half a surrogate pair, which no file's name can hold
            self._check_root()
            raise missing(path) from error
        except OSError as error:
            self._check_root()
            if error.errno in _UNREADABLE:
                raise unreadable(path, _UNREADABLE[error.errno]) from error
            if error.errno not in _MISSING:
                raise unavailable("reading from it failed", error.strerror) from error
            if self._is_unmounted():
                raise unavailable("its folder is not mounted") from error
            raise missing(path, self._has) from error

    def age(self, path: str) -> float | None:
        """See `Aging.age`."""
        try:
            file = self._open(path)
        except (OSError, ValueError, ImageRejected):
            return None
        try:
            return time.time() - os.fstat(file).st_mtime
        finally:
            os.close(file)

    def _check_marker(self) -> None:
        """Raise `StoreUnavailable` if the folder has a marker, and it is not there."""
        if self._marker is None:
            return
        try:
            self._marker.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise unavailable("its marker file is not there, so it is not mounted") from error
        except OSError as error:
            raise unavailable("its marker file cannot be read", error.strerror) from error

    def _open(self, path: str) -> int:
        names = path.split("/")
        if _ELSEWHERE.isdisjoint(names):
            try:
                return _open_below(self._root, *names)
            except OSError as error:
                if error.errno not in _IS_LINK:
                    raise
        return _open_below(self._root, *self._resolve(path))

    def _has(self, path: str) -> bool:
        try:
            os.close(self._open(path))
        except (OSError, ValueError, ImageRejected):
            return False
        return True

    def _check_root(self) -> None:
        """Raise `StoreUnavailable` if the folder itself cannot be read."""
        try:
            os.close(os.open(self._root, _FOLDER))
        except OSError as error:
            raise unavailable("its folder cannot be opened", error.strerror) from error

    def _is_unmounted(self) -> bool:
        """Whether the root has become an empty folder of another file system."""
        if self._marker is not None:  # that tells
            return False
        try:
            return self._root.stat().st_dev != self._device and not any(self._root.iterdir())
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
        raise outside(path)


def _is_name_below(marker: str) -> bool:
    return _ELSEWHERE.isdisjoint(marker.split("/")) and marker.isprintable()


def _open_below(root: Path, *names: str) -> int:
    *folders, file = names or (os.curdir,)
    if not folders:
        return os.open(f"{root}/{file}", _FILE)
    folder = os.open(f"{root}/{folders[0]}", _FOLDER | os.O_NOFOLLOW)
    try:
        for name in folders[1:]:
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(file, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _read(file: int, path: str, limit: int) -> bytes:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise unreadable(path, "is not a regular file")
    size = status.st_size
    # First as many bytes as it says: a buffer for `limit` bytes would cost more than reading. A
    # shorter read than asked for is the file's end.
    data = os.read(file, min(size, limit) + 1)
    while len(data) != size and len(data) <= limit:
        if not (more := os.read(file, limit + 1 - len(data))):
            break
        data += more
    if len(data) <= limit:
        return data
    raise too_large(path, limit, max(len(data), size))
