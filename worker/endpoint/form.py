"""The upload's request: what is sent, and until when it may be."""

from __future__ import annotations

from importlib.metadata import version
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from requests import Request

from worker.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from worker.image import ValidImage

_USER_AGENT = f"facelift/{version('facelift')}"
_NAME_LENGTH = 100


def upload_request(
    url: str,
    image: ValidImage,
    *,
    chatbot_id: str,
    file_name: str,
    api_key: str,
    may_send: Callable[[], bool],
) -> PreparedRequest:
    """The request as ENDPOINT.md has it [S, R]."""
    request = Request(
        "POST",
        url,
        headers={
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # what is not compressed cannot be a bomb
            "User-Agent": _USER_AGENT,
        },
        data={"chatbotId": chatbot_id},
        files={"profilePictureFile": (safe_name(file_name, image), image.data, image.content_type)},
    ).prepare()
    body = _GuardedBody(cast("bytes", request.body), may_send)
    request.body = body  # type: ignore[assignment]  # the stubs forget that a file may be a body
    return request


class _GuardedBody:
    """A body to read from, block by block, for as long as it may be sent."""

    def __init__(self, body: bytes, may_send: Callable[[], bool]) -> None:
        self._body = BytesIO(body)
        self._may_send = may_send

    def read(self, size: int = -1) -> bytes:
        """The next block.

        Raises:
            LeaseLost: it may not be sent any more.
        """
        if not self._may_send():
            raise LeaseLost("the lease was lost before the picture was sent")
        return self._body.read(size)


def safe_name(file_name: str, image: ValidImage) -> str:
    """The base name of a stored path, without unprintable characters, its suffix a true one.

    Quotes and what is not ASCII are encoded by urllib3, as HTML 5 has it.
    """
    name = PurePosixPath("".join(filter(str.isprintable, file_name)).replace("\\", "/"))
    right = image.format.suffix
    is_right = name.suffix.lower().replace(".jpeg", ".jpg") == right
    stem = name.stem[:_NAME_LENGTH].strip(" .") or "picture"
    return stem + (name.suffix if is_right else right)
