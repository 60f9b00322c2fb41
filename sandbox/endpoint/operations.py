"""The endpoint's operations: what each does to which asset, and how it is called.

One more row is one more operation. The worker has a table of its own: this one is the
strict side, and `tests/sandbox/test_endpoint_operations.py` compares them.
"""

from dataclasses import dataclass
from typing import Literal

Asset = Literal["profile_picture", "icon"]
Action = Literal["set", "remove"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does.

    Attributes:
        file_field: the form's field for the image; None if the chatbot is in the query and
            there is no body.
        message: how the references confirm it; None where they have no text.
    """

    asset: Asset
    action: Action
    method: str
    path: str
    file_field: str | None
    message: str | None


_PREFIX = "/api/v1/"

OPERATIONS = (
    Operation(
        "profile_picture",
        "set",
        "POST",
        f"{_PREFIX}upload-chatbot-profile-picture",
        "profilePictureFile",
        "Chatbot Profile Picture uploaded successfully.",
    ),
    Operation(
        "icon",
        "set",
        "POST",
        f"{_PREFIX}upload-chatbot-icon",
        "chatbotIconFile",
        "Chatbot chat icon uploaded successfully.",
    ),
    # The references promise a confirmation message and have no text for a profile picture.
    Operation(
        "profile_picture",
        "remove",
        "DELETE",
        f"{_PREFIX}delete-chatbot-profile-picture",
        None,
        None,
    ),
    Operation(
        "icon",
        "remove",
        "DELETE",
        f"{_PREFIX}delete-chatbot-icon",
        None,
        "Chatbot icon deleted successfully.",
    ),
)

BY_PATH = {each.path: each for each in OPERATIONS}
"""The operation of a path; each path has one."""
