"""What every image store does, and the errors that all of them share.

No sentence holds what is the store's own business: a folder's place, a URL, a secret.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal, Protocol, runtime_checkable

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected, StoreUnavailable

_LONGEST_SHOWN = 80
_LARGEST_SHOWN = 10**15
_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
_MOST_SPELLINGS = 8


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """What reading from a store on the network may take.

    Attributes:
        timeout: seconds for one image, from resolving the store's name to the last byte.
        connections: how many each store keeps open.
    """

    timeout: float = 10
    connections: int = 100


class ImageStore(Protocol):
    """A place that images are read from. Safe to use from many threads."""

    def read(self, path: str, limit: int) -> bytes:
        """The bytes stored at `path`, of which there may be at most `limit`.

        Never holds more than `limit` bytes and one, however many are stored. A store on the
        network takes no longer than its time limit; a folder takes as long as its file system.

        Raises:
            ImageRejected: there is no such image, it may not be read, or it is too large.
            StoreUnavailable: the store itself does not answer; it may later.
        """
        ...


@runtime_checkable
class Aging(Protocol):
    """A store whose images may be seen while they are being written."""

    def age(self, path: str) -> float | None:
        """Seconds since what is at `path` changed last; None if there is nothing."""
        ...


def rejected(code: OutcomeCode, path: str, words: str) -> ImageRejected:
    """The image, or the path to it, is the cause: "'a.png' <words>."."""
    shown = repr(path) if len(path) <= _LONGEST_SHOWN else repr(path[:_LONGEST_SHOWN]) + "..."
    return ImageRejected(code, f"{shown} {words}.")


def missing(path: str, has: Callable[[str], bool] = lambda _: False) -> ImageRejected:
    """There is nothing at `path`.

    Args:
        path: as the job has it.
        has: whether the store has something at another path.
    """
    words = "is not in the image store"
    if not path.isascii():
        other = next(filter(has, _spellings(path)), None)
        if other is not None:
            forms = [form for form in _FORMS if unicodedata.is_normalized(form, other)]
            form = f" ({forms[0]})" if len(forms) == 1 else ""
            words += f", which has that name in another Unicode normal form{form}"
    return rejected(OutcomeCode.IMAGE_NOT_FOUND, path, words)


def _spellings(path: str) -> Iterator[str]:
    """Paths that look the same, written with other characters."""
    names = path.split("/")
    ways = [dict.fromkeys(unicodedata.normalize(form, name) for form in _FORMS) for name in names]
    others = filter(path.__ne__, map("/".join, product(*ways)))
    return islice(others, _MOST_SPELLINGS)


def unreadable(path: str, words: str = "may not be read by the worker") -> ImageRejected:
    """There is something at `path` that cannot be read."""
    return rejected(OutcomeCode.IMAGE_UNREADABLE, path, words)


def outside(path: str, words: str = "leads out of the image store") -> ImageRejected:
    """`path` leads out of the store, or may."""
    return rejected(OutcomeCode.IMAGE_OUTSIDE_STORE, path, words)


def too_large(path: str, limit: int, size: int | None = None) -> ImageRejected:
    """There are more than `limit` bytes at `path`; `size` of them, if that is known."""
    known = size is not None and size < _LARGEST_SHOWN  # a larger one is not true
    has = f"has {size:,} bytes" if known else f"has more than {limit:,} bytes"
    return rejected(OutcomeCode.IMAGE_TOO_LARGE, path, f"{has}; the limit is {limit:,}")


def unavailable(words: str, reason: str | None = None) -> StoreUnavailable:
    """The store is the cause, and the image may be fine."""
    tail = f": {reason}" if reason else ""
    return StoreUnavailable(
        OutcomeCode.IMAGE_STORE_UNAVAILABLE, f"The image store is not available; {words}{tail}."
    )
