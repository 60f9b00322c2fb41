"""The upload's request: what is sent, and until when it may be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from urllib3.fields import format_multipart_header_param

from worker.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.images.validate import ValidImage

_BLOCK = 1 << 18
"""Bytes that are sent at once; whether they still may be is asked before each."""

# What no picture holds, and nobody can guess who makes one.
_BOUNDARY = secrets.token_hex(16)
_AFTER = f"\r\n--{_BOUNDARY}--\r\n".encode()

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # what is not compressed cannot be a bomb
    "User-Agent": f"facelift/{version('facelift-client')}",
    "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
}
_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What is sent.

    Attributes:
        headers: all but those that the connection adds by itself.
        may_send: whether the body still may be sent.
    """

    headers: dict[str, str]
    may_send: Callable[[], bool]
    _body: tuple[bytes, bytes, bytes]

    def blocks(self, head: bytes) -> Iterator[memoryview]:
        """`head` and the body, block by block, for as long as the body may be sent.

        Raises:
            LeaseLost: it may not.
        """
        whole = b"".join((head, *self._body))
        with memoryview(whole) as view:
            for at in range(0, len(whole), _BLOCK):
                if not self.may_send():
                    raise LeaseLost("the lease was lost before the picture was sent")
                yield view[at : at + _BLOCK]


def upload_request(
    image: ValidImage,
    *,
    chatbot_id: str,
    file_name: str,
    api_key: str,
    may_send: Callable[[], bool],
) -> UploadRequest:
    """The request as ENDPOINT.md has it [S, R]."""
    name = format_multipart_header_param("filename", safe_name(file_name, image))
    before = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="chatbotId"\r\n\r\n{chatbot_id}\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="profilePictureFile"; {name}\r\n'
        f"Content-Type: {image.content_type}\r\n\r\n"
    )
    body = (before.encode(), image.data, _AFTER)
    headers = _HEADERS | {
        "Authorization": f"Bearer {api_key}",
        "Content-Length": str(sum(map(len, body))),
    }
    return UploadRequest(headers, may_send, body)


def safe_name(file_name: str, image: ValidImage) -> str:
    """The base name of a stored path, without unprintable characters, its suffix a true one.

    Quotes are encoded by urllib3, as HTML 5 has it.
    """
    name = PurePosixPath("".join(filter(str.isprintable, file_name)).replace("\\", "/"))
    right = image.format.suffix
    is_right = name.suffix.lower().replace(".jpeg", ".jpg") == right
    stem = name.stem[:_NAME_LENGTH].strip(" .") or "picture"
    return stem + (name.suffix if is_right else right)
