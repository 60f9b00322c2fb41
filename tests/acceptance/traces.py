"""Finds a secret in whatever text it may have got into, in plain sight or disguised."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without

if TYPE_CHECKING:
    from pathlib import Path


def disguises(secret: str) -> dict[str, str]:
    """The secret as it may be spelled; letters may be of either case besides."""
    raw = secret.encode()
    found = {
        "plain": secret,
        "percent-encoded": quote(secret, safe=""),
        "percent-encoded but for slashes": quote(secret),
        "hexadecimal": raw.hex(),
    }
    for before in range(3):  # where it begins within base64's groups of three bytes
        digits = b64encode(bytes(before) + raw).decode()
        # Its neighbours have a share in the digits at its ends.
        inner = digits[-(-before * 4 // 3) : (before + len(raw)) * 4 // 3]
        found[f"base64 after {before}"] = inner
        found[f"URL-safe base64 after {before}"] = inner.replace("+", "-").replace("/", "_")
    return found


def shows(text: str, secret: str) -> bool:
    """Whether the secret can be read out of `text`."""
    folded = text.lower()
    return any(spelling.lower() in folded for spelling in disguises(secret).values())


def in_redis(redis: Any) -> dict[str, str]:
    """Every key with its value, whatever its type; from a client that decodes nothing."""
    read = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
        b"none": lambda _: "expired meanwhile",
    }
    return {
        f"Redis key {key.decode()}": f"{key!r} {read[redis.type(key)](key)!r}"
        for key in redis.scan_iter(count=1000)
    }


def in_files(folder: Path) -> dict[str, str]:
    """Every file below a folder."""
    return {
        f"file {path.name}": path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file()
    }


def in_command_lines() -> dict[str, str]:
    """The command line of every process on this machine."""
    return {
        f"command line of {each.pid}": " ".join(each.info["cmdline"] or ())
        for each in psutil.process_iter(["cmdline"])
    }
