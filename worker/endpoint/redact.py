"""Makes foreign text fit to be kept and shown: no key, one line, bounded."""

import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote

_LONGEST = 200
_SHORTEST_DISGUISE = 8


def presentable(text: str, api_key: str) -> str:
    """`text` on one line, no longer than 200 characters, without the key."""
    printable = "".join(filter(str.isprintable, " ".join(text.split())))
    redacted = _spellings(api_key).sub("[API key]", printable)
    return redacted if len(redacted) <= _LONGEST else redacted[: _LONGEST - 1] + "…"


def shows(api_key: str, text: str) -> bool:
    """Whether the key can be read out of `text`."""
    return _spellings(api_key).search(text) is not None


@lru_cache(maxsize=64)
def _spellings(api_key: str) -> re.Pattern[str]:
    """Matches the key as it is, percent-encoded, or inside something in base64."""
    spellings = {api_key, quote(api_key, safe="")}
    secret = api_key.encode()
    for before in range(3):  # base64 takes three bytes at a time, so there are three ways
        encoded = b64encode(bytes(before) + secret).decode()
        # Only whole digits of 6 bits that no other byte has a share in.
        inner = encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        if len(inner) >= _SHORTEST_DISGUISE:
            spellings |= {inner, inner.replace("+", "-").replace("/", "_")}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
