"""Where pictures lie: named stores, each with its own way to read.

`open_stores` turns the settings' names and URLs into stores. A store reads and bounds; what the
bytes are worth is decided in `image.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.image_store.folder import FolderStore
from worker.image_store.protocol import ImageStore

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FolderStore", "ImageStore", "open_stores"]


def open_stores(urls: Mapping[str, str]) -> dict[str, ImageStore]:
    """Open every store, by name: `{"media": "file:///srv/media"}`.

    Raises:
        ValueError: some cannot be opened. Its arguments are one sentence a store, which begins
            with the store's name and never holds its URL: there may be a password in that.
    """
    stores: dict[str, ImageStore] = {}
    problems = []
    for name, url in urls.items():
        try:
            stores[name] = FolderStore.from_url(url)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ValueError(*problems)
    return stores
