"""Where pictures lie: named stores, each with its own way to read.

`open_stores` turns the settings' names and URLs into stores. A store reads and bounds; what the
bytes are worth is decided in `image.py`.

protocol     what every store can do
├── folder   file:///srv/media
├── https    https://cdn.example.com/pictures/
├── s3       s3://bucket/prefix, with botocore, which the extra `s3` brings
├── site     the last two's way: a base URL, and bounded GETs below it
│   └── path a job's path as part of a URL that cannot leave the base
└── refusals what a read without a picture ends in
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.http import SCHEMES
from worker.stores.folder import FolderStore
from worker.stores.https import HttpsStore
from worker.stores.protocol import ImageStore
from worker.stores.site import NetworkLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FolderStore", "HttpsStore", "ImageStore", "NetworkLimits", "open_stores"]

_DEFAULT_LIMITS = NetworkLimits()


def open_stores(
    urls: Mapping[str, str], limits: NetworkLimits = _DEFAULT_LIMITS
) -> dict[str, ImageStore]:
    """Open every store, by name: `{"media": "file:///srv/media"}`.

    Nothing is asked of the network, but by botocore for a role's credentials.

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
    scheme = url.partition("://")[0]
    if scheme == "file":
        return FolderStore.from_url(url)
    if scheme in SCHEMES:
        return HttpsStore.from_url(url, limits)
    if scheme == "s3":
        return _open_s3(url, limits)
    if scheme == "http":
        raise ValueError(
            "must begin with https://; http+private:// is for servers with private addresses"
        )
    raise ValueError(f"must begin with file://, s3:// or one of {':// '.join(SCHEMES)}://")


def _open_s3(url: str, limits: NetworkLimits) -> ImageStore:
    try:
        from worker.stores.s3 import S3Store  # noqa: PLC0415 - others need no botocore
    except ModuleNotFoundError as error:
        raise ValueError(
            "needs botocore, which is not installed: it comes with the extra s3, facelift[s3]"
        ) from error
    return S3Store.from_url(url, limits)
