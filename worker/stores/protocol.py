"""What every image store can do."""

from __future__ import annotations

from typing import Protocol


class ImageStore(Protocol):
    """A place that pictures are read from. Safe to use from many threads."""

    def read(self, path: str, limit: int) -> bytes:
        """The bytes stored at `path`, of which there may be at most `limit`.

        Never holds more than `limit` bytes and one, however many are stored. A store on the
        network takes no longer than its time limit; a folder takes as long as its file system.

        Raises:
            ImageRejected: there is no such image, it may not be read, or it is too large.
            StoreUnavailable: the store itself does not answer; it may later.
        """
        ...
