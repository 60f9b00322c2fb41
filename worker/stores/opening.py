"""Opens image stores by the scheme of their URL; other packages may add schemes."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from worker.stores.protocol import (
    ImageStore,
    NetworkLimits,
    missing,
    too_large,
    unavailable,
    unreadable,
)

_GROUP = "facelift.stores"
_DEFAULT_LIMITS = NetworkLimits()

# As entry points, so that what a scheme needs is imported when a setting names it. They are not
# in pyproject.toml, so that no other package can take these schemes and their checks over.
_BUILT_IN = {
    scheme: EntryPoint(scheme, f"worker.stores.{place}.from_url", _GROUP)
    for scheme, place in {
        "file": "folder:FolderStore",
        "https": "web:HttpsStore",
        "https+private": "web:HttpsStore",
        "http+private": "web:HttpsStore",
        "s3": "s3:S3Store",
    }.items()
}


def open_stores(
    urls: Mapping[str, str], limits: NetworkLimits = _DEFAULT_LIMITS
) -> dict[str, ImageStore]:
    """Open every store, by name: `{"media": "file:///srv/media"}`.

    No request is made, but by botocore for a role's credentials.

    Args:
        urls: by name.
        limits: for stores on the network.

    Raises:
        ValueError: some cannot be opened. Its arguments are one sentence a store, which begins
            with the store's name and never holds its URL: there may be a password in that.
    """
    stores: dict[str, ImageStore] = {}
    problems = []
    for name, url in urls.items():
        try:
            stores[name] = _open(url, limits)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ValueError(*problems)
    return stores


def _open(url: str, limits: NetworkLimits) -> ImageStore:
    scheme, separator, _ = url.partition("://")
    if separator and scheme in _BUILT_IN:
        store: ImageStore = _load(_BUILT_IN[scheme])(url, limits)
        return store
    added = {found.name: found for found in entry_points(group=_GROUP)}
    if separator and scheme in added:
        return _Guarded(_load(added[scheme])(url, limits))
    if separator and scheme == "http":
        raise ValueError(
            "must begin with https://; http+private:// is for servers with private addresses"
        )
    known = ", ".join(f"{each}://" for each in sorted({**_BUILT_IN, **added}))
    raise ValueError(f"must begin with one of {known}")


def _load(found: EntryPoint) -> Any:  # noqa: ANN401 - a function of another package
    try:
        return found.load()
    except ModuleNotFoundError as error:
        if found.name == "s3":
            raise ValueError(
                "needs botocore, which is not installed: pip install ./client '.[s3]'"
            ) from error
        raise ValueError(f"needs the module {error.name}, which is not installed") from error


class _Guarded:
    """A store of another package, held to what `ImageStore` promises.

    Args:
        store: may also raise OSErrors, which are mapped here. What else it raises is a defect
            of it, and ends the attempt as any unexpected exception does.
    """

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`."""
        try:
            data = self._store.read(path, limit)
        except FileNotFoundError as error:
            raise missing(path) from error
        except (PermissionError, IsADirectoryError) as error:
            raise unreadable(path) from error
        except OSError as error:
            raise unavailable("reading from it failed", type(error).__name__) from error
        if len(data) > limit:
            raise too_large(path, limit, len(data))
        return data
