"""What the sandbox endpoint accepts and refuses without a rule."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox.endpoint.process import EndpointProcess
from tests.sandbox.test_endpoint_driver import (
    BAD_REQUEST,
    PATH,
    SQUARE,
    UPLOADED,
    connect,
    image,
    on_the_wire,
    prepared,
    upload,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = ("key-of-the-first", "key-of-the-second")
PADDED = SQUARE + bytes(999_999 - len(SQUARE))


@pytest.fixture(scope="module")
def process() -> Iterator[EndpointProcess]:
    options = ("--known-chatbot", "bot-1", "--known-chatbot", "bot/2 ü")
    with EndpointProcess(api_keys=KEYS, options=options) as process:
        yield process


@pytest.fixture
def endpoint(process: EndpointProcess) -> EndpointProcess:
    process.reset()
    return process


def reason(endpoint: EndpointProcess) -> str:
    return endpoint.arrivals()[-1].reason or ""


def test_a_good_upload_is_answered_as_documented(endpoint: EndpointProcess) -> None:
    response = upload(endpoint)

    assert (response.status_code, response.json()) == (200, UPLOADED)
    assert response.headers["Content-Type"] == "application/json"


def test_a_good_upload_is_remembered(endpoint: EndpointProcess) -> None:
    upload(endpoint, "bot/2 ü")

    assert endpoint.image("bot/2 ü") == SQUARE
    assert endpoint.image("bot-1") is None
    [arrival] = endpoint.arrivals()
    assert (arrival.number, arrival.chatbot_id, arrival.status) == (1, "bot/2 ü", 200)
    assert arrival.sha256 == hashlib.sha256(SQUARE).hexdigest()
    assert (arrival.size, arrival.applied, arrival.overlapped) == (len(SQUARE), True, False)


def test_the_last_image_wins(endpoint: EndpointProcess) -> None:
    upload(endpoint)
    upload(endpoint, content=image(9, 9))

    assert endpoint.image("bot-1") == image(9, 9)


def test_a_jpeg_is_accepted(endpoint: EndpointProcess) -> None:
    assert upload(endpoint, "bot-1", image(8, 8, "JPEG"), "image/jpeg").status_code == 200


def test_an_image_one_byte_under_the_limit_is_accepted(endpoint: EndpointProcess) -> None:
    assert upload(endpoint, content=PADDED).status_code == 200


@pytest.mark.parametrize("chatbot_id", [None, "", " \t", "b" * 1001])
def test_no_chatbot_is_a_bad_request(endpoint: EndpointProcess, chatbot_id: str | None) -> None:
    response = upload(endpoint, chatbot_id)

    assert (response.status_code, response.json()) == (400, BAD_REQUEST)
    assert reason(endpoint) == "chatbotId is missing, blank or too long"


def test_an_unknown_chatbot_is_not_found(endpoint: EndpointProcess) -> None:
    response = upload(endpoint, "bot-3")

    assert (response.status_code, response.json()) == (404, {"message": "Resource not found"})


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param(
            {"other": ("a.png", SQUARE, "image/png")}, "there is no field 'other'", id="other"
        ),
        pytest.param(
            {"profilePictureFile": (None, SQUARE, "image/png")}, "no file name", id="no file"
        ),
        pytest.param(
            {"profilePictureFile": ("a.png", SQUARE)}, "no content type", id="no content type"
        ),
        pytest.param(
            {"profilePictureFile": ("a.png", SQUARE, "image/jpeg")},
            "image/png but came as image/jpeg",
            id="other content type",
        ),
        pytest.param(
            {"profilePictureFile": ("a.png", b"hello", "image/png")},
            "neither PNG nor JPEG",
            id="text",
        ),
        pytest.param(
            {"profilePictureFile": ("a.gif", image(8, 8, "GIF"), "image/gif")},
            "neither PNG nor JPEG",
            id="gif",
        ),
        pytest.param(
            {"profilePictureFile": ("a.png", SQUARE[:20], "image/png")},
            "cannot be read",
            id="cut in its header",
        ),
        pytest.param(
            {"profilePictureFile": ("a.png", image(9, 8), "image/png")},
            "9 x 8, not square",
            id="not square",
        ),
        pytest.param(
            {"profilePictureFile": ("a.png", PADDED + b"x", "image/png")},
            "1,000,000 bytes is not under 1,000,000",
            id="too large",
        ),
    ],
)
def test_a_bad_image_is_a_bad_request(
    endpoint: EndpointProcess, files: dict[str, Any], why: str
) -> None:
    response = upload(endpoint, files=files)

    assert (response.status_code, response.json()) == (400, BAD_REQUEST)
    assert why in reason(endpoint)
    assert endpoint.image("bot-1") is None


@pytest.mark.parametrize(
    ("content_type", "why"),
    [
        ("application/json", "not multipart/form-data"),
        ("multipart/mixed; boundary=b", "not multipart/form-data"),
        ("multipart/form-data", "boundary missed"),
        ("multipart/form-data; boundary=other", "malformed"),
    ],
)
def test_a_body_that_is_no_form_is_a_bad_request(
    endpoint: EndpointProcess, content_type: str, why: str
) -> None:
    request = prepared(endpoint)
    request.headers["Content-Type"] = content_type
    with requests.Session() as session:
        response = session.send(request, timeout=10)

    assert (response.status_code, response.json()) == (400, BAD_REQUEST)
    assert why in reason(endpoint)


def test_a_form_without_its_end_is_a_bad_request(endpoint: EndpointProcess) -> None:
    request = prepared(endpoint)
    assert isinstance(request.body, bytes)
    request.prepare_body(request.body[:-60], None)
    with requests.Session() as session:
        assert session.send(request, timeout=10).status_code == 400
    assert endpoint.image("bot-1") is None


def test_a_part_without_end_is_not_kept_in_memory(endpoint: EndpointProcess) -> None:
    assert upload(endpoint, content=bytes(9 * 2**20)).status_code == 413


NO_KEY = {"message": "No API key provided."}
WRONG_KEY = {"error": {"code": "AUTH_INVALID_API_KEY", "message": "Invalid API key"}}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, NO_KEY),
        ({"Authorization": "Bearer key-of-the-third"}, WRONG_KEY),
        ({"Authorization": KEYS[0]}, NO_KEY),
        ({"Authorization": f"Basic {KEYS[0]}"}, NO_KEY),
        ({"Authorization": b"Bearer \xff\xfe"}, WRONG_KEY),
    ],
    ids=["none", "wrong", "no scheme", "other scheme", "not text"],
)
def test_a_wrong_key_is_unauthorized(
    endpoint: EndpointProcess, headers: dict[str, str | bytes], body: object
) -> None:
    response = upload(endpoint, headers=headers)

    assert (response.status_code, response.json()) == (401, body)
    assert endpoint.image("bot-1") is None


def test_every_key_given_is_accepted_and_logged_under_a_label(endpoint: EndpointProcess) -> None:
    assert [upload(endpoint, key=key).status_code for key in KEYS] == [200, 200]
    assert [each.key for each in endpoint.arrivals()] == [
        hashlib.sha256(key.encode()).hexdigest()[:8] for key in KEYS
    ]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_another_method_is_not_allowed(endpoint: EndpointProcess, method: str) -> None:
    response = requests.request(method, endpoint.url + PATH, timeout=10)

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_another_path_is_not_found(endpoint: EndpointProcess) -> None:
    response = requests.post(f"{endpoint.url}/api/v1/upload-chatbot-banner", timeout=10)

    assert (response.status_code, response.json()) == (404, {"message": "Resource not found"})


def test_a_connection_serves_one_upload_after_the_other(endpoint: EndpointProcess) -> None:
    with connect(endpoint) as connection:
        for _ in range(3):
            connection.sendall(on_the_wire(prepared(endpoint)))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
        connection.sendall(on_the_wire(prepared(endpoint, key="wrong")))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
