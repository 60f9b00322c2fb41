"""Reads the API keys of all accounts, from the environment or from secret files.

The variables are `FACELIFT_API_KEY` (the account `default`), the same with
`_<ACCOUNT>`, and each of them with `_FILE`, which names the file that holds the
key. No problem repeats a value: somebody may have put a key where none belongs.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from tasks.job import DEFAULT_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping

API_KEY = "FACELIFT_API_KEY"

_VARIABLE = re.compile(r"(?:_(?P<account>[a-z0-9][a-z0-9_]{0,39}?))??(?P<file>_file)?")
_KEY = re.compile(r"[!-~]+")
_FILE_BYTES = 4096


def is_key_variable(name: str) -> bool:
    """Whether a variable is meant to tell an API key."""
    return name == API_KEY or name.startswith(f"{API_KEY}_")


def normalise(account: str) -> str:
    """An account as variables can spell it: they know neither `-` nor case."""
    return account.lower().replace("-", "_")


def read_keys(environ: Mapping[str, str]) -> tuple[dict[str, SecretStr], list[str]]:
    """The keys by normalised account, and what is wrong with them."""
    keys: dict[str, SecretStr] = {}
    variables: dict[str, str] = {}
    problems = []
    for name in sorted(filter(is_key_variable, environ)):
        if not environ[name].strip():
            continue
        match = _VARIABLE.fullmatch(normalise(name.removeprefix(API_KEY)))
        account = (match and match["account"]) or DEFAULT_ACCOUNT
        if match is None or f"_{account}".endswith("_file"):
            problems.append(
                f"{name} must end in an account's name: 1 to 40 of A-Z, 0-9 and _, "
                "neither FILE nor with _FILE at its end"
            )
        elif other := variables.get(account):
            problems.append(f"{name} and {other} are for the same account; keep one")
        else:
            variables[account] = name
            try:
                keys[account] = _read_key(environ[name], from_file=bool(match["file"]))
            except ValueError as problem:
                problems.append(f"{name} {problem}")
    if not keys and not problems:
        problems.append(
            f"{API_KEY} is missing: secret key of the account {DEFAULT_ACCOUNT} (or {API_KEY}_FILE)"
        )
    return keys, problems


def _read_key(value: str, *, from_file: bool) -> SecretStr:
    key = _read_secret_file(Path(value)) if from_file else value
    if not _KEY.fullmatch(key):
        raise ValueError("must hold the bare key: printable ASCII without blanks")
    return SecretStr(key)


def _read_secret_file(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block
            raise ValueError("must name a regular file")
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"must name a readable file: {error.strerror}") from None
    if not content.strip():
        raise ValueError("names a file that is empty; it must hold the key")
    if len(content) > _FILE_BYTES:
        raise ValueError(f"must name a file of at most {_FILE_BYTES} bytes")
    return content.decode("latin-1").rstrip("\r\n")
