"""What is sent."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import DONE, KEY, SMALL, always, answering, deliver
from worker.errors import DeliveryRefused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.endpoint.wire import Connect, Serve, Server


def test_the_request_is_as_documented(serve: Serve, connect: Connect) -> None:
    bodies = []

    def talk(server: Server, connection: socket.socket) -> None:
        bodies.append(server.read(connection))
        connection.sendall(DONE)

    server = serve(talk)
    deliver(connect(server.url + "/"))
    first, *lines = server.heads[0].split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert first == "POST /api/v1/upload-chatbot-profile-picture HTTP/1.1"
    assert f"Authorization: Bearer {KEY}" in lines
    assert headers["accept"] == "application/json"
    assert re.fullmatch(r"facelift/[0-9.]+", headers["user-agent"])
    assert headers["content-length"] == str(len(bodies[0]))
    boundary = re.fullmatch("multipart/form-data; boundary=([0-9a-f]{32})", headers["content-type"])
    assert boundary
    parts = bodies[0].split(b"--" + boundary[1].encode())
    assert parts == [
        b"",
        b'\r\nContent-Disposition: form-data; name="chatbotId"\r\n\r\nbot-1\r\n',
        (
            b'\r\nContent-Disposition: form-data; name="profilePictureFile"; '
            b'filename="profile-picture.png"\r\nContent-Type: image/png\r\n\r\n'
            + SMALL.data
            + b"\r\n"
        ),
        b"--\r\n",
    ]


def test_the_head_goes_out_together_with_the_image(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    plain = socket.socket.send

    def send(self: socket.socket, data: bytes) -> int:
        sent.append(bytes(data))
        return plain(self, data)

    monkeypatch.setattr(socket.socket, "send", send, raising=False)
    client = connect(serve(always(DONE)).url)
    deliver(client)
    deliver(client)  # by the same connection
    assert [data.startswith(b"POST ") and SMALL.data in data for data in sent] == [True] * 2


def test_no_netrc_replaces_the_key(
    serve: Serve,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(answering(DONE))
    deliver(connect(server.url))
    assert f"Authorization: Bearer {KEY}" in server.heads[0].split("\r\n")


def test_cookies_are_not_kept(serve: Serve, connect: Connect) -> None:
    server = serve(always(DONE.replace(b"\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n", 1)))
    client = connect(server.url)
    deliver(client)
    deliver(client)
    assert len(server.heads) == 2
    assert "cookie" not in server.heads[1].lower()


@pytest.mark.parametrize("key", ["", "two words", "sk-1\r\nX-Evil: 1", "schlüssel", "sk-\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(
    connect: Connect, key: str
) -> None:
    with pytest.raises(DeliveryRefused) as caught:
        connect("http://no-such-host.invalid").deliver(SMALL, chatbot_id="bot-1", api_key=key)
    assert caught.value.code is OutcomeCode.UNAUTHORIZED
    assert not key or key not in str(caught.value)
