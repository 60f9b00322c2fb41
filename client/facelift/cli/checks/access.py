"""Checks how the way to Redis is protected: password, user and TLS, by the URL."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from facelift.cli.checks.findings import Finding, ok, warn

_ADVICE = "give it a user with a password, and TLS: see docs/redis.md"
_UNCHECKED = {"ssl_cert_reqs": "none", "ssl_check_hostname": "false"}


def check_access(redis_url: str) -> Finding:
    """Check a Redis URL that is valid; no finding repeats more of it than the host."""
    parts = urlsplit(redis_url)
    host = parts.hostname or ""
    if parts.scheme == "rediss" and (options := _unverified(parts.query)):
        return warn(
            "Access",
            f"whoever stands between here and {host} can read and change everything: "
            f"{options} in its URL",
            "remove it, and name the authority by ssl_ca_certs",
        )
    if parts.scheme == "unix" or _is_loopback(host):
        return ok("Access", "Redis is on this machine")
    if lacks := list(_lacks(parts.scheme, parts.username, parts.password)):
        return warn("Access", f"Redis at {host} is used without {', '.join(lacks)}", _ADVICE)
    return ok("Access", f"Redis at {host} is used with a user, a password and TLS")


def _unverified(query: str) -> str:
    """The options by which a certificate is not verified."""
    given = dict(parse_qsl(query))
    return " and ".join(
        f"{name}={given[name]}" for name, value in _UNCHECKED.items() if given.get(name) == value
    )


def _lacks(scheme: str, user: str | None, password: str | None) -> Iterator[str]:
    if not password:
        yield "a password"
    elif not user or user == "default":
        yield "a user of its own"
    if scheme != "rediss":
        yield "TLS"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
