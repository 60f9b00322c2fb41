"""Settings described for a person: in `--settings`, in the documents, in problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.job import DEFAULT_ACCOUNT
from facelift.units import show_duration
from worker.settings.api_keys import API_KEY
from worker.settings.field_types import IS_DURATION
from worker.settings.rates import RATE_LIMIT
from worker.settings.webhook_secret import WEBHOOK_SECRET, WEBHOOK_SECRET_FILE

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One variable, for a person.

    Attributes:
        name: the variable.
        default: as it would be written; None if there is none.
        meaning: what it sets, and in which bounds.
    """

    name: str
    default: str | None
    meaning: str


OF_ACCOUNTS = (
    SettingDoc(
        API_KEY,
        None,
        f"secret key of the account {DEFAULT_ACCOUNT}; during a change two with a blank between, "
        "the new one first",
    ),
    SettingDoc(f"{API_KEY}_<ACCOUNT>", None, "secret key of another account"),
    SettingDoc(
        f"{API_KEY}[_<ACCOUNT>]_FILE",
        None,
        "instead of a key, the file that holds it; read anew when it changes",
    ),
    SettingDoc(
        f"{RATE_LIMIT}_<ACCOUNT>",
        None,
        f"for one account, instead of {RATE_LIMIT}",
    ),
)
"""The variables that have an account in their name."""

OF_SECRETS = (
    SettingDoc(
        WEBHOOK_SECRET,
        None,
        "signs webhooks: whsec_ and the base64 of 24 to 64 bytes; during a change two with a "
        "blank between, the new one first",
    ),
    SettingDoc(WEBHOOK_SECRET_FILE, None, "instead of the secret, the file that holds it"),
)
"""The variables that hold a secret, or name the file that does."""


def describe(variable: str, field: FieldInfo) -> SettingDoc:
    """The document of a variable that is one field."""
    default = None if field.is_required() else str(field.default)
    return SettingDoc(
        variable, default, "; ".join(filter(None, [field.description, bounds(field)]))
    )


def bounds(field: FieldInfo) -> str:
    """What a number must be, read from its constraints; nothing for other fields."""
    limits = [getattr(c, b) for b in ("ge", "le") for c in field.metadata if hasattr(c, b)]
    if not limits:
        return ""
    if field.annotation is int:
        return "a whole number from {} to {}".format(*limits)
    if IS_DURATION in field.metadata:
        low, high = map(show_duration, limits)
        return f"a duration from {low} to {high}, such as {field.default}"
    return "a number from {} to {}".format(*limits)
