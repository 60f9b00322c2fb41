"""Builds the upload's request as the endpoint's documentation has it."""

import secrets
from importlib.metadata import version
from pathlib import PurePosixPath

from requests import PreparedRequest, Request
from urllib3.fields import format_multipart_header_param

from worker.images.validate import ValidImage

# In no image, and nobody who makes one can guess it.
_BOUNDARY = secrets.token_hex(16)
_AFTER = f"\r\n--{_BOUNDARY}--\r\n".encode()

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # an uncompressed body cannot be a bomb
    "User-Agent": f"facelift/{version('facelift-client')}",
    "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
}
_NAME_LENGTH = 100


class UploadRequests:
    """Makes the requests to one upload URL; requests parses it once.

    Args:
        url: where they go.
    """

    def __init__(self, url: str) -> None:
        self._template = Request("POST", url, headers=_HEADERS).prepare()

    def make(
        self, image: ValidImage, *, chatbot_id: str, file_name: str, api_key: str
    ) -> PreparedRequest:
        """The request that uploads `image`."""
        name = format_multipart_header_param("filename", safe_name(file_name, image))
        before = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="chatbotId"\r\n\r\n'
            f"{chatbot_id}\r\n"
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="profilePictureFile"; {name}'
            f"\r\nContent-Type: {image.content_type}\r\n\r\n"
        )
        request = self._template.copy()
        request.body = body = b"".join((before.encode(), image.data, _AFTER))
        request.headers["Authorization"] = f"Bearer {api_key}"
        request.headers["Content-Length"] = str(len(body))
        return request


def safe_name(file_name: str, image: ValidImage) -> str:
    """The base name of a stored path, without unprintable characters, its suffix a true one.

    urllib3 encodes quotes, as HTML 5 has it.
    """
    name = PurePosixPath("".join(filter(str.isprintable, file_name)).replace("\\", "/"))
    right = image.format.suffix
    is_right = name.suffix.lower().replace(".jpeg", ".jpg") == right
    stem = name.stem[:_NAME_LENGTH].strip(" .") or "picture"
    return stem + (name.suffix if is_right else right)
