"""Builds the upload's request as the endpoint's documentation has it."""

import secrets
from importlib.metadata import version

from requests import PreparedRequest, Request

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
_STEM = "profile-picture"


class UploadRequests:
    """Makes the requests to one upload URL; requests parses it once.

    Args:
        url: where they go.
    """

    def __init__(self, url: str) -> None:
        self._template = Request("POST", url, headers=_HEADERS).prepare()

    def make(self, image: ValidImage, *, chatbot_id: str, api_key: str) -> PreparedRequest:
        """The request that uploads `image`.

        The file's name says its format and nothing else: pictures end on public URLs.
        """
        before = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="chatbotId"\r\n\r\n'
            f"{chatbot_id}\r\n"
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="profilePictureFile"; '
            f'filename="{_STEM}{image.format.suffix}"\r\n'
            f"Content-Type: {image.content_type}\r\n\r\n"
        )
        request = self._template.copy()
        request.body = body = b"".join((before.encode(), image.data, _AFTER))
        request.headers["Authorization"] = f"Bearer {api_key}"
        request.headers["Content-Length"] = str(len(body))
        return request
