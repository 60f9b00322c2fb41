"""The table of the endpoint's capabilities has each asset and action, as it is documented."""

from __future__ import annotations

import pytest

from facelift.asset import Action, Asset
from worker.endpoint.routes import ROUTES, IdPlace

PICTURE, ICON = Asset.PROFILE_PICTURE, Asset.ICON
SET, REMOVE = Action.SET, Action.REMOVE


def test_every_asset_can_be_set_and_removed() -> None:
    assert set(ROUTES) == {(asset, action) for asset in Asset for action in Action}
    assert len({route.path for route in ROUTES.values()}) == len(ROUTES)


@pytest.mark.parametrize(
    ("asset", "path", "field"),
    [
        (PICTURE, "/api/v1/upload-chatbot-profile-picture", "profilePictureFile"),
        (ICON, "/api/v1/upload-chatbot-icon", "chatbotIconFile"),
    ],
)
def test_image_is_posted_in_a_form_with_the_id(asset: Asset, path: str, field: str) -> None:
    route = ROUTES[asset, SET]
    assert (route.method, route.path, route.file_field) == ("POST", path, field)
    assert route.id_place is IdPlace.FORM


@pytest.mark.parametrize(
    ("asset", "path"),
    [
        (PICTURE, "/api/v1/delete-chatbot-profile-picture"),
        (ICON, "/api/v1/delete-chatbot-icon"),
    ],
)
def test_image_is_deleted_by_the_id_in_the_url(asset: Asset, path: str) -> None:
    route = ROUTES[asset, REMOVE]
    assert (route.method, route.path, route.file_field) == ("DELETE", path, None)
    assert route.id_place is IdPlace.QUERY
