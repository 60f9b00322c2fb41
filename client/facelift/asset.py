"""What a job is about: which of a chatbot's images, and what is done to it.

A `check_` raises `InvalidJob`.
"""

from enum import StrEnum
from typing import Literal, TypeVar

from facelift.checks import shown
from facelift.errors import InvalidJob

_Word = TypeVar("_Word", bound=StrEnum)


class Asset(StrEnum):
    """Which of a chatbot's images a job is about. Each has an order of its own."""

    PROFILE_PICTURE = "profile_picture"
    ICON = "icon"
    """The chat icon."""


AssetName = Literal["profile_picture", "icon"]
"""The text of an `Asset`."""


class Action(StrEnum):
    """What a job does to its asset."""

    SET = "set"
    """Upload an image, in place of the present one."""
    REMOVE = "remove"
    """Take the present one away."""


ActionName = Literal["set", "remove"]
"""The text of an `Action`."""


def check_asset(asset: object) -> Asset:
    """Return the asset that `asset` names."""
    return _check_word("asset", asset, Asset)


def check_action(action: object) -> Action:
    """Return the action that `action` names."""
    return _check_word("action", action, Action)


def check_removal(**of_images: object) -> None:
    """Refuse what only an image can have."""
    for field, given in of_images.items():
        if given is not None:
            raise InvalidJob(field, f"must be left out of a removal, not {shown(given)}")


def _check_word(field: str, given: object, words: type[_Word]) -> _Word:
    for each in words:
        if given == each:
            return each
    raise InvalidJob(field, f"must be one of {', '.join(words)}, not {shown(given)}")
