"""Reads the API keys of all accounts, from the environment or from secret files.

The variables are `FACELIFT_API_KEY` (the account `default`), the same with `_<ACCOUNT>`, and each
of them with `_FILE`, which names the file that holds the key. During a rotation there may be two
keys, the new one first. No problem repeats a value: somebody may have put a key into the wrong
variable.
"""

import codecs
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from facelift.job import DEFAULT_ACCOUNT, account_key

API_KEY = "FACELIFT_API_KEY"

_VARIABLE = re.compile(r"(?:_(?P<account>[a-z0-9][a-z0-9_]{0,39}?))??(?P<file>_file)?")
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # a byte order mark, decoded
_BLANKS = re.compile(r"[ \t\r\n]+")
_KEY = re.compile(r"[!-~]+")
_SCHEME = "bearer"
_MOST_KEYS = 2
_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """One account's keys and their source.

    Attributes:
        variable: that holds them, or names their file.
        keys: one, or two: the new one, then the previous one.
        file: the secret file; None if the variable itself holds them.
    """

    variable: str
    keys: tuple[SecretStr, ...]
    file: Path | None = None


def is_key_variable(name: str) -> bool:
    """Whether a variable is meant for an API key."""
    return name == API_KEY or name.startswith(f"{API_KEY}_")


def accounts_with_key(environ: Mapping[str, str]) -> frozenset[str]:
    """The normalised accounts with a variable, whatever it holds."""
    return frozenset(account for _, account, _ in _given(environ) if account)


def read_keys(environ: Mapping[str, str]) -> tuple[dict[str, AccountKeys], list[str]]:
    """The keys by normalised account, and the problems."""
    found: dict[str, AccountKeys] = {}
    variables: dict[str, str] = {}
    problems = []
    for name, account, in_file in _given(environ):
        if account is None:
            problems.append(
                f"{name} must end in an account's name: 1 to 40 of A-Z, 0-9 and _, "
                "neither FILE nor with _FILE at its end"
            )
        elif other := variables.get(account):
            problems.append(f"{name} and {other} are for the same account; keep one")
        else:
            variables[account] = name
            file = Path(environ[name]) if in_file else None
            try:
                keys = read_key_file(file) if file else split_keys(environ[name])
            except ValueError as problem:
                problems.append(f"{name} {problem}")
            else:
                found[account] = AccountKeys(name, keys, file)
    if not found and not problems:
        problems.append(
            f"{API_KEY} is missing: API key of the account {DEFAULT_ACCOUNT} (or {API_KEY}_FILE)"
        )
    return found, problems


def _given(environ: Mapping[str, str]) -> Iterator[tuple[str, str | None, bool]]:
    """Each variable that is set, its account (None if invalid), and whether it names a file."""
    for name in sorted(filter(is_key_variable, environ)):
        if environ[name].strip():
            match = _VARIABLE.fullmatch(account_key(name.removeprefix(API_KEY)))
            account = (match and match["account"]) or DEFAULT_ACCOUNT
            if match is None or f"_{account}".endswith("_file"):
                yield name, None, False
            else:
                yield name, account, bool(match["file"])


def read_key_file(path: Path) -> tuple[SecretStr, ...]:
    """The keys in a secret file.

    Raises:
        ValueError: it holds no key, or something else; says what would be valid.
    """
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
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return split_keys(content.decode("utf-16" if is_utf_16 else "utf-8", "replace"))


def split_keys(text: str) -> tuple[SecretStr, ...]:
    """The keys in the text of a variable or a file; a byte order mark and blanks are left out.

    Raises:
        ValueError: it holds something else; says what would be valid.
    """
    stripped = map(str.strip, _BLANKS.split(text.replace(_MARK, " ")))
    keys = list(dict.fromkeys(filter(None, stripped)))
    if not keys:
        raise ValueError("must hold the key, not only blanks")
    if any(key.lower().rstrip(":") == _SCHEME for key in keys):
        raise ValueError("must hold the bare key, without the word Bearer")
    if not all(map(_KEY.fullmatch, keys)):
        raise ValueError("must hold the bare key: printable ASCII")
    if len(keys) > _MOST_KEYS:
        raise ValueError(
            "must hold one key, or two separated by a space: the new one, then the previous one"
        )
    return tuple(map(SecretStr, keys))
