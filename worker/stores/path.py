"""A job's path as a part of a URL: a name, and nothing that a URL could do besides."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from worker.stores.refusals import missing, outside, unreadable

_SEPARATORS = re.compile(r"[/\\]")
_READINGS = 3


def encode_path(path: str) -> str:
    """`path`, to be put after a base that ends with a slash.

    Every character but letters, digits and `-._~/` is percent-encoded, a percent sign too: what
    looks like a query, a fragment, a host or an escape is a part of the name.

    Raises:
        ImageRejected: the path is absolute, or could lead out of the base for a server that
            decodes it more often than once or takes backslashes for slashes; or it cannot be
            a file's.
    """
    if path.startswith("/"):
        raise outside(path)
    if _has_dot_segment(path):
        raise outside(path, "has a . or .. in it, which could lead out of the image store")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in path):
        raise missing(path)
    if not path or path.endswith("/"):
        raise unreadable(path, "is not a file")
    return quote(path, safe="/")


def _has_dot_segment(path: str) -> bool:
    for _ in range(_READINGS):
        for segment in _SEPARATORS.split(path):
            # For some servers what follows a semicolon is no part of the name.
            if segment.partition(";")[0] in {".", ".."}:
                return True
        path = unquote(path)
    return False
