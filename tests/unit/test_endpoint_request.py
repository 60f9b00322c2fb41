"""The upload's request."""

from __future__ import annotations

import pytest

from worker.endpoint.request import UploadRequests
from worker.images.formats import ImageFormat
from worker.images.validate import ValidImage


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
    image = ValidImage(b"pixels", image_format, 1)
    requests = UploadRequests("https://endpoint.example/upload")
    body = requests.make(image, chatbot_id="bot-1", api_key="key").body
    assert isinstance(body, bytes)
    assert f'name="profilePictureFile"; filename="{name}"\r\n'.encode() in body
