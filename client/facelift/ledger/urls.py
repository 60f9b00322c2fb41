"""Validate Redis URLs. No error repeats a URL: it may hold a password."""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

# By scheme, what may follow the question mark: all that redis-py and kombu read alike.
_OPTIONS: dict[str, dict[str, str]] = {
    "redis": {},
    "rediss": {
        "ssl_ca_certs": ".+",
        "ssl_certfile": ".+",
        "ssl_keyfile": ".+",
        "ssl_cert_reqs": "required|optional|none",
        "ssl_check_hostname": "true|false",
    },
    "unix": {"db": "[0-9]+"},
}
_VALUES = {".+": "the path of a file", "[0-9]+": "a number"}


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL; None if it is malformed (`urlsplit`'s own errors would quote it)."""
    try:
        parts = urlsplit(url)
        valid = url.isascii() and url.isprintable() and " " not in url and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def check_redis_url(url: str) -> str:
    """Return `url` if it names a Redis.

    Raises:
        ValueError: it does not; the message says what is valid.
    """
    parts = split_url(url)
    if parts and "sentinel" in parts.scheme:
        raise ValueError("cannot be a Sentinel's yet; name the Redis itself with redis://")
    if parts is None or not _names_a_redis(url, parts):
        raise ValueError(
            "must be redis://host:port/database, rediss:// for TLS, or unix:///socket; "
            "special characters of a password are percent-encoded"
        )
    options = _OPTIONS[parts.scheme]
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in options:
            raise ValueError(
                f"has a wrong option after its question mark; {parts.scheme}:// takes "
                f"{', '.join(options) or 'none'}"
            )
        if not re.fullmatch(options[name], value):
            raise ValueError(
                f"has a wrong option after its question mark; {name} must be "
                f"{_VALUES.get(options[name]) or options[name].replace('|', ' or ')}"
            )
    return url


def broker_url(redis_url: str) -> str:
    """The same Redis as kombu names it."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":  # kombu has another form for sockets
        address, _, database = redis_url.removeprefix("unix").partition("?db=")
        return f"redis+socket{address}?virtual_host={database or 0}"
    if parts.scheme == "rediss" and "ssl_cert_reqs" not in parts.query:
        query = "&".join(filter(None, [parts.query, "ssl_cert_reqs=required"]))
        return urlunsplit(parts._replace(query=query))
    return redis_url


def _names_a_redis(url: str, parts: SplitResult) -> bool:
    if not url.startswith(f"{parts.scheme}://") or parts.fragment:
        return False
    if parts.scheme == "unix":
        return parts.hostname is None and len(parts.path) > 1
    # redis-py takes database 0 for whatever is no number.
    database = re.fullmatch(r"(/[0-9]*)?", parts.path)
    return parts.scheme in {"redis", "rediss"} and bool(parts.hostname and database)
