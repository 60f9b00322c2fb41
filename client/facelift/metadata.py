"""What a producer attaches to a job for itself: a small map of text."""

import json
import re
from collections.abc import Mapping

from facelift.checks import as_text, check_text, shown
from facelift.errors import InvalidJob

Metadata = Mapping[str, str]
"""Names and texts of a producer's own, such as `{"user_id": "42"}`."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,39}")
_ENTRIES = 16
_TEXT_LENGTH = 500
_BYTES = 2_000


def check_metadata(metadata: object) -> dict[str, str] | None:
    """Return a copy of metadata; of a UUID its text. None, and an empty map, are None.

    Raises:
        InvalidJob: it is no map of text, or too large.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise InvalidJob(
            "metadata",
            f"must be a map of text, such as {{'user_id': '42'}}, not {shown(metadata)}",
        )
    if len(metadata) > _ENTRIES:
        raise InvalidJob("metadata", f"has {len(metadata)} entries; at most {_ENTRIES} are allowed")
    checked = {_check_name(name): _check_value(name, value) for name, value in metadata.items()}
    size = len(metadata_text(checked).encode())
    if size > _BYTES:
        raise InvalidJob("metadata", f"takes {size:,} bytes as JSON; it may take {_BYTES:,}")
    return checked or None


def metadata_text(metadata: Metadata) -> str:
    """Metadata as a record holds them: compact JSON."""
    return json.dumps(dict(metadata), ensure_ascii=False, separators=(",", ":"))


def read_metadata(text: str) -> dict[str, str]:
    """The inverse of `metadata_text`.

    Raises:
        ValueError: it is no such text.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - as json.loads says of other text
    return {str(name): str(value) for name, value in found.items()}


def _check_name(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise InvalidJob(
        "metadata",
        "a name must be 1 to 40 of letters, digits, _ - . : and /, the first a letter or digit, "
        f"such as user_id, not {shown(name)}",
    )


def _check_value(name: str, value: object) -> str:
    text = as_text(value)
    try:
        return "" if text == "" else check_text("metadata", text, _TEXT_LENGTH)
    except InvalidJob as error:
        raise InvalidJob("metadata", f"{name} {error.reason}") from None
