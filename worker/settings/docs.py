"""Describes settings for a person: in `--settings`, in the docs, in error messages."""

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from facelift.job import DEFAULT_ACCOUNT
from facelift.units import show_duration
from worker.settings.account_settings import ACCOUNT_SETTINGS
from worker.settings.api_keys import API_KEY
from worker.settings.field_types import IS_DURATION
from worker.settings.webhook_secret import WEBHOOK_SECRET, WEBHOOK_SECRET_FILE


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One variable, for a person.

    Attributes:
        name: the variable.
        default: as it is written; None without one.
        meaning: what it sets, and its bounds.
    """

    name: str
    default: str | None
    meaning: str


OF_ACCOUNTS = (
    SettingDoc(
        API_KEY,
        None,
        f"API key of the account {DEFAULT_ACCOUNT}; during a rotation two, separated by a space, "
        "the new one first",
    ),
    SettingDoc(f"{API_KEY}_<ACCOUNT>", None, "API key of another account"),
    SettingDoc(
        f"{API_KEY}[_<ACCOUNT>]_FILE",
        None,
        "instead of the key, the file that holds it; read again when it changes",
    ),
    *(
        SettingDoc(
            f"{setting.variable}_<ACCOUNT>",
            None,
            f"{setting.meaning}, instead of {setting.variable}",
        )
        for setting in ACCOUNT_SETTINGS.values()
    ),
)
"""The variables with an account in their name."""

OF_SECRETS = (
    SettingDoc(
        WEBHOOK_SECRET,
        None,
        "signs webhooks: whsec_ and the base64 of 24 to 64 bytes; during a rotation two, "
        "separated by a space, the new one first",
    ),
    SettingDoc(WEBHOOK_SECRET_FILE, None, "instead of the secret, the file that holds it"),
)
"""The variables that hold a secret, or name its file."""


def describe(variable: str, field: FieldInfo) -> SettingDoc:
    """The description of a variable that is one field."""
    default = None if field.is_required() or field.default is None else str(field.default)
    return SettingDoc(
        variable, default, "; ".join(filter(None, [field.description, bounds(field)]))
    )


def bounds(field: FieldInfo) -> str:
    """The bounds of a number, from its constraints; empty for other fields."""
    limits = [getattr(c, b) for b in ("ge", "le") for c in field.metadata if hasattr(c, b)]
    if not limits:
        return ""
    if field.annotation in (int, int | None):
        return "a whole number from {} to {}".format(*limits)
    if IS_DURATION in field.metadata:
        low, high = map(show_duration, limits)
        return f"a duration from {low} to {high}, such as {field.default}"
    return "a number from {} to {}".format(*limits)
