"""How the tests call the sandbox endpoint. No tests here."""

from __future__ import annotations

import socket
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from PIL import Image

if TYPE_CHECKING:
    from sandbox.endpoint.operations import Operation
    from sandbox.endpoint.process import EndpointProcess

PATH = "/api/v1/upload-chatbot-profile-picture"
UPLOADED = {"message": "Chatbot Profile Picture uploaded successfully."}
BAD_REQUEST = {"message": "Invalid request data"}


def image(width: int, height: int, kind: str = "PNG", **options: Any) -> bytes:
    """An image of these sides."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), (width % 256, height % 256, 0)).save(buffer, kind, **options)
    return buffer.getvalue()


SQUARE = image(8, 8)


def prepared(
    endpoint: EndpointProcess,
    chatbot_id: str | None = "bot-1",
    content: bytes = SQUARE,
    content_type: str = "image/png",
    *,
    key: str | None = None,
    **changes: Any,
) -> requests.PreparedRequest:
    """An upload as it should be, but for the changes."""
    whole: dict[str, Any] = {
        "headers": {"Authorization": f"Bearer {key or endpoint.api_key}"},
        "data": {} if chatbot_id is None else {"chatbotId": chatbot_id},
        "files": {"profilePictureFile": ("face.png", content, content_type)},
    }
    return requests.Request("POST", endpoint.url + PATH, **whole | changes).prepare()


def upload(endpoint: EndpointProcess, *args: Any, **kwargs: Any) -> requests.Response:
    """Send an upload, in a connection of its own; takes what `prepared` takes."""
    with requests.Session() as session:
        return session.send(prepared(endpoint, *args, **kwargs), timeout=10, allow_redirects=False)


def call(
    endpoint: EndpointProcess,
    operation: Operation,
    chatbot_id: str | None = "bot-1",
    content: bytes = SQUARE,
    **changes: Any,
) -> requests.Response:
    """Send a request for any operation as it should be, but for the changes."""
    whole: dict[str, Any] = {"headers": {"Authorization": f"Bearer {endpoint.api_key}"}}
    chatbot = {} if chatbot_id is None else {"chatbotId": chatbot_id}
    if operation.file_field:
        files = {operation.file_field: ("face.png", content, "image/png")}
        whole |= {"data": chatbot, "files": files}
    else:
        whole["params"] = chatbot
    request = requests.Request(operation.method, endpoint.url + operation.path, **whole | changes)
    with requests.Session() as session:
        return session.send(request.prepare(), timeout=10, allow_redirects=False)


def connect(endpoint: EndpointProcess) -> socket.socket:
    """A bare connection."""
    address = urlsplit(endpoint.url)
    return socket.create_connection((address.hostname, address.port or 0), timeout=10)


def on_the_wire(request: requests.PreparedRequest) -> bytes:
    """The bytes of a request."""
    assert isinstance(request.body, bytes)
    lines = [f"POST {PATH} HTTP/1.1", "Host: sandbox"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + request.body


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received
