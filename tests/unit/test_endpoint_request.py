"""The requests to the endpoint: an image in a form, a removal by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.asset import Asset
from worker.endpoint.request import EndpointRequests
from worker.images.formats import ImageFormat
from worker.images.validate import ValidImage

if TYPE_CHECKING:
    from requests import PreparedRequest

REQUESTS = EndpointRequests("https://endpoint.example")


def upload(
    image: ValidImage | None, chatbot_id: str = "bot-1", asset: Asset = Asset.PROFILE_PICTURE
) -> PreparedRequest:
    return REQUESTS.make(image, chatbot_id=chatbot_id, api_key="key", asset=asset)


@pytest.mark.parametrize(
    ("image_format", "name"),
    [
        (ImageFormat.PNG, "profile-picture.png"),
        (ImageFormat.JPEG, "profile-picture.jpg"),
        (ImageFormat.WEBP, "profile-picture.webp"),
        (ImageFormat.GIF, "profile-picture.gif"),
    ],
)
def test_the_file_name_says_the_format_and_nothing_else(
    image_format: ImageFormat, name: str
) -> None:
    body = upload(ValidImage(b"pixels", image_format, 1)).body
    assert isinstance(body, bytes)
    assert f'name="profilePictureFile"; filename="{name}"\r\n'.encode() in body


def test_icon_has_a_path_a_field_and_a_file_name_of_its_own() -> None:
    request = upload(ValidImage(b"pixels", ImageFormat.PNG, 1), asset=Asset.ICON)
    assert request.url == "https://endpoint.example/api/v1/upload-chatbot-icon"
    assert isinstance(request.body, bytes)
    assert b'name="chatbotIconFile"; filename="icon.png"\r\n' in request.body


@pytest.mark.parametrize(
    ("chatbot_id", "encoded"),
    [
        ("5QHA6VB-DIAbBhxwqxfdi", "5QHA6VB-DIAbBhxwqxfdi"),
        ("a/b?c&chatbotId=d#e f%20+", "a%2Fb%3Fc%26chatbotId%3Dd%23e%20f%2520%2B"),
        ("ä/../x", "%C3%A4%2F..%2Fx"),
    ],
)
def test_removal_names_its_chatbot_in_the_url_and_has_no_body(
    chatbot_id: str, encoded: str
) -> None:
    request = upload(None, chatbot_id=chatbot_id, asset=Asset.ICON)
    url = f"https://endpoint.example/api/v1/delete-chatbot-icon?chatbotId={encoded}"
    assert (request.method, request.url, request.body) == ("DELETE", url, None)
    assert {"Content-Type", "Content-Length"}.isdisjoint(request.headers)
    assert request.headers["Authorization"] == "Bearer key"


def test_requests_of_a_route_share_nothing() -> None:
    first, second = upload(None, chatbot_id="a"), upload(None, chatbot_id="b")
    assert first.url != second.url
    assert str(second.url).count("?") == 1
