"""The file name that is sent."""

from __future__ import annotations

import pytest

from worker.endpoint.request import safe_name
from worker.images.formats import ImageFormat
from worker.images.validate import ValidImage

PNG = ValidImage(b"", ImageFormat.PNG, 1)
JPEG = ValidImage(b"", ImageFormat.JPEG, 1)


@pytest.mark.parametrize(
    ("stored", "image", "sent"),
    [
        ("bots/42.png", PNG, "42.png"),
        ("bots/42.PNG", PNG, "42.PNG"),
        ("42.jpeg", JPEG, "42.jpeg"),
        ("42.JPG", JPEG, "42.JPG"),
        ("42.jpg", PNG, "42.png"),
        ("42.jpeg", PNG, "42.png"),
        ("42.png", JPEG, "42.jpg"),
        ("42", JPEG, "42.jpg"),
        ("a.b.png", PNG, "a.b.png"),
        ("grüße.png", PNG, "grüße.png"),
        ("C:\\pictures\\me.png", PNG, "me.png"),
        ("a\r\nb\x00\u202e\ud800.png", PNG, "ab.png"),
        (".png", PNG, "png.png"),
        ("..", PNG, "picture.png"),
        ("", JPEG, "picture.jpg"),
        ("x" * 300 + ".png", PNG, "x" * 100 + ".png"),
    ],
)
def test_the_name_is_the_base_name_with_a_true_suffix(
    stored: str, image: ValidImage, sent: str
) -> None:
    assert safe_name(stored, image) == sent
