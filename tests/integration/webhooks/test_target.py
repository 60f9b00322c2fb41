"""One webhook: what is sent, where it goes, how long it may take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from tests.integration.endpoint.wire import always, answering
from tests.unit.webhooks.test_payload import SAID, record
from worker.http import HttpClient, NoAnswer, Reach, RequestLimits
from worker.webhooks import Signer, WebhookTarget

if TYPE_CHECKING:
    import socket

    from tests.integration.endpoint import wire
    from tests.integration.endpoint.wire import Serve

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = frozenset({Reach.PRIVATE})
THANKS = b"HTTP/1.1 204 No Content\r\n\r\n"


def target(url: str, timeout: float = 5) -> WebhookTarget:
    return WebhookTarget.from_url(url, Signer([SecretStr(SECRET)]), timeout)


def nearby(server: wire.Server, path: str = "/hook?from=facelift") -> str:
    return server.url.replace("http://", "http+private://") + path


def send(to: WebhookTarget, at: float = 1_764_000_002) -> int:
    return to.send(record(), at)


def problem(to: WebhookTarget) -> str:
    with pytest.raises(NoAnswer) as caught:
        send(to)
    return str(caught.value)


def test_what_is_sent_is_verified_by_the_reference_implementation(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = []

    def talk(server: wire.Server, connection: socket.socket) -> None:
        bodies.append(server.read(connection))
        connection.sendall(THANKS)

    server = serve(talk)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # no proxy is used
    assert send(target(nearby(server)), at=time.time()) == 204
    request, *lines = server.heads[0].split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert request == "POST /hook?from=facelift HTTP/1.1"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "facelift"
    assert headers["webhook-id"] == "job-1"
    assert Webhook(SECRET).verify(bodies[0], headers) == SAID


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answers_are_read_over(serve: Serve, status: int) -> None:
    interim = b"HTTP/1.1 %d X\r\nLink: x\r\n\r\n" % status
    assert send(target(nearby(serve(always(interim * 2 + THANKS))))) == 204


@pytest.mark.parametrize("lines", [b"X: y\r\n" * 200, b"no colon\r\n", b"Content-Length: x\r\n"])
def test_odd_headers_change_nothing_of_what_the_status_says(serve: Serve, lines: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"
    assert send(target(nearby(serve(always(answer))))) == 200


def test_a_redirect_is_an_answer_and_not_followed(serve: Serve) -> None:
    elsewhere = serve(always(THANKS))
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}/\r\n\r\n"
    assert send(target(nearby(serve(answering(moved.encode()))))) == 307
    assert elsewhere.connections == 0


def test_a_name_with_a_private_address_is_refused_unless_the_url_says_otherwise(
    serve: Serve,
) -> None:
    server = serve(always(THANKS))
    refusing = target(f"https://localhost:{server.port}/hook")
    assert problem(refusing) == "its address is not public, and it was not allowed private ones"
    assert server.connections == 0
    assert send(target(f"http+private://localhost:{server.port}/hook")) == 204


def test_the_address_is_checked_for_each_webhook_anew(serve: Serve) -> None:
    server = serve(always(THANKS))
    turns = iter([["127.0.0.1"], ["169.254.169.254"]])
    origin = f"http://hooks.example:{server.port}"
    http = HttpClient(
        origin,
        RequestLimits(),
        connections=1,
        reaches=PRIVATE,
        resolve=lambda *_: next(turns),
    )
    to = WebhookTarget(http, f"{origin}/hook", Signer([SecretStr(SECRET)]))
    assert send(to) == 204
    assert "is not private" in problem(to)
    assert server.connections == 1


def test_an_answer_is_not_read_to_its_end(serve: Serve) -> None:
    def pour(server: wire.Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.closing.is_set():
            connection.sendall(bytes(100_000))

    assert send(target(nearby(serve(pour)))) == 200


def test_a_target_that_drips_has_no_more_time_than_another(serve: Serve) -> None:
    def drip(server: wire.Server, connection: socket.socket) -> None:
        server.read(connection)
        while not server.closing.wait(0.05):
            connection.sendall(b"H")

    assert problem(target(nearby(serve(drip)), timeout=0.3)) == (
        "it had not answered in full after 0.3 s"
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (
            "http://hooks.example.com/",
            "must begin with https://; https+private:// and http+private:// are for ",
        ),
        ("ftp://hooks.example.com/", "must begin with https://"),
        ("https://", "must be a URL, such as https://hooks.example.com/facelift"),
        ("https://ann:pw@hooks.example.com/", "must have no user, password or fragment"),
        ("https://hooks.example.com/#here", "must have no user, password or fragment"),
        ("https://127.0.0.1/", "has an address for its host that is not public"),
        ("https+private://169.254.169.254/", "has an address for its host that no server may"),
        ("http+private://8.8.8.8/", "has an address for its host that is not private"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_the_start(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) ") as caught:
        target(url)
    assert str(caught.value).startswith(why)
    assert "pw" not in str(caught.value)
