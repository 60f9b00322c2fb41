"""The endpoint's capabilities, a row each: what a request to it is, for an asset and an action."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from facelift.asset import Action, Asset


class IdPlace(StrEnum):
    """Where a request names its chatbot."""

    FORM = "form"
    """A field of the multipart body."""
    QUERY = "query"
    """A parameter of the URL; the request has no body."""


@dataclass(frozen=True, slots=True)
class Route:
    """How the endpoint is asked for one thing.

    Attributes:
        method: of HTTP.
        path: of the URL.
        id_place: where `chatbotId` goes.
        file_field: the field of the image's file; None if none is sent.
        file_stem: what that file is called, before its suffix.
        confirmation: the documented message of its 200; None where no example is documented.
    """

    method: str
    path: str
    id_place: IdPlace
    file_field: str | None = None
    file_stem: str = ""
    confirmation: str | None = None


ID_FIELD = "chatbotId"

ROUTES: Mapping[tuple[Asset, Action], Route] = {
    (Asset.PROFILE_PICTURE, Action.SET): Route(
        "POST",
        "/api/v1/upload-chatbot-profile-picture",
        IdPlace.FORM,
        "profilePictureFile",
        "profile-picture",
        "Chatbot Profile Picture uploaded successfully.",
    ),
    (Asset.PROFILE_PICTURE, Action.REMOVE): Route(
        "DELETE", "/api/v1/delete-chatbot-profile-picture", IdPlace.QUERY
    ),
    (Asset.ICON, Action.SET): Route(
        "POST",
        "/api/v1/upload-chatbot-icon",
        IdPlace.FORM,
        "chatbotIconFile",
        "icon",
        "Chatbot chat icon uploaded successfully.",
    ),
    (Asset.ICON, Action.REMOVE): Route(
        "DELETE",
        "/api/v1/delete-chatbot-icon",
        IdPlace.QUERY,
        confirmation="Chatbot icon deleted successfully.",
    ),
}
