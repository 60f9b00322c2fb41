"""What a read without a picture ends in, in the words that all stores share.

No sentence holds what is the store's own affair: a folder's place, a URL, a secret.
"""

from __future__ import annotations

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected, StoreUnavailable

_LONGEST_SHOWN = 80
_LARGEST_SHOWN = 10**15


def rejected(code: OutcomeCode, path: str, words: str) -> ImageRejected:
    """The picture, or the path to it, is to blame: "'a.png' <words>."."""
    shown = repr(path) if len(path) <= _LONGEST_SHOWN else repr(path[:_LONGEST_SHOWN]) + "..."
    return ImageRejected(code, f"{shown} {words}.")


def missing(path: str) -> ImageRejected:
    """There is nothing at `path`."""
    return rejected(OutcomeCode.IMAGE_NOT_FOUND, path, "is not in the image store")


def unreadable(path: str, words: str = "may not be read by the worker") -> ImageRejected:
    """There is something at `path` that cannot be read."""
    return rejected(OutcomeCode.IMAGE_UNREADABLE, path, words)


def outside(path: str, words: str = "leads out of the image store") -> ImageRejected:
    """`path` leads out of the store, or may."""
    return rejected(OutcomeCode.IMAGE_OUTSIDE_STORE, path, words)


def too_large(path: str, limit: int, size: int | None = None) -> ImageRejected:
    """There are more than `limit` bytes at `path`; `size` of them, if that is known."""
    known = size is not None and size < _LARGEST_SHOWN  # else somebody lies
    has = f"has {size:,} bytes" if known else f"has more than {limit:,} bytes"
    return rejected(OutcomeCode.IMAGE_TOO_LARGE, path, f"{has}; the limit is {limit:,}")


def unavailable(words: str, reason: str | None = None) -> StoreUnavailable:
    """The store is to blame, and the picture may be fine."""
    tail = f": {reason}" if reason else ""
    return StoreUnavailable(
        OutcomeCode.IMAGE_STORE_UNAVAILABLE, f"The image store is not available; {words}{tail}."
    )
