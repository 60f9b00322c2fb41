"""The faults of the sandbox endpoint, as a client sees them."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
import requests

from sandbox.endpoint.process import EndpointProcess
from tests.sandbox.test_endpoint_driver import (
    PATH,
    SQUARE,
    UPLOADED,
    connect,
    image,
    on_the_wire,
    prepared,
    read_all,
    upload,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

LARGE = SQUARE + bytes(900_000)


@pytest.fixture(scope="module")
def process() -> Iterator[EndpointProcess]:
    with EndpointProcess() as process:
        yield process


@pytest.fixture
def endpoint(process: EndpointProcess) -> EndpointProcess:
    process.reset()
    return process


def statuses(endpoint: EndpointProcess, chatbot_id: str, uploads: int) -> list[int]:
    return [upload(endpoint, chatbot_id).status_code for _ in range(uploads)]


def receive(connection: socket.socket, up_to: bytes) -> bytes:
    received = b""
    while up_to not in received:
        received += connection.recv(1)
    return received


def test_a_status_applies_as_often_as_its_rule_says(
    endpoint: EndpointProcess,
) -> None:
    endpoint.add_rule("bot-1", "status", status=500, times=2)

    assert statuses(endpoint, "bot-1", 4) == [500, 500, 200, 200]
    assert [each.fault for each in endpoint.arrivals()] == ["status", "status", None, None]


def test_a_refused_image_is_not_stored(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=500)
    upload(endpoint)

    assert endpoint.image("bot-1") is None
    assert not endpoint.arrivals()[0].applied


def test_a_bad_image_is_not_stored_whatever_the_response(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=200)

    assert upload(endpoint, content=image(9, 8)).status_code == 200
    assert endpoint.image("bot-1") is None


def test_a_rule_without_times_applies_until_it_is_lifted(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=503)
    assert statuses(endpoint, "bot-1", 5) == [503] * 5

    endpoint.clear_rules("bot-1")
    assert statuses(endpoint, "bot-1", 1) == [200]


def test_a_rule_is_only_for_its_chatbot(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=404)

    assert statuses(endpoint, "bot-2", 1) == [200]
    assert statuses(endpoint, "bot-1", 1) == [404]


def test_rules_of_a_chatbot_apply_in_order_and_before_those_for_every_one(
    endpoint: EndpointProcess,
) -> None:
    endpoint.add_rule("*", "status", status=502, times=3)
    endpoint.add_rule("bot-1", "status", status=500, times=1)
    endpoint.add_rule("bot-1", "status", status=429, times=1)

    assert statuses(endpoint, "bot-1", 3) == [500, 429, 502]
    assert statuses(endpoint, "bot-2", 2) == [502, 502]
    assert statuses(endpoint, "bot-3", 1) == [200]


def test_lifting_all_rules_lifts_those_for_every_chatbot(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=500)
    endpoint.clear_rules()

    assert statuses(endpoint, "bot-1", 1) == [200]


def test_an_upload_with_a_wrong_key_uses_up_no_rule(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=500, times=1)

    assert upload(endpoint, key="wrong").status_code == 401
    assert statuses(endpoint, "bot-1", 2) == [500, 200]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": "Invalid request data"}),
        (401, {"message": "No API key provided."}),
        (403, {"message": "Access denied or quota exceeded"}),
        (404, {"message": "Resource not found"}),
        (503, {"message": "Service unavailable"}),
        (500, {"message": "Internal server error"}),
        (
            429,
            {
                "error": {
                    "code": "RATE_LIMIT_TOO_MANY_REQUESTS",
                    "message": "Too many requests, please try again later",
                }
            },
        ),
        (599, {"message": "Unknown"}),
    ],
)
def test_a_status_has_its_documented_body(
    endpoint: EndpointProcess, status: int, body: object
) -> None:
    endpoint.add_rule("*", "status", status=status)
    response = upload(endpoint)

    assert (response.status_code, response.json()) == (status, body)
    assert "Retry-After" not in response.headers


def test_the_envelope_can_be_that_of_v2(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=401, envelope="v2")

    assert upload(endpoint).json()["error"]["code"] == "AUTH_INVALID_API_KEY"


def test_a_rule_sets_body_content_type_and_headers(endpoint: EndpointProcess) -> None:
    headers = {"X-Request-Id": "42", "content-type": "text/plain"}
    endpoint.add_rule("*", "status", status=418, body="tea", headers=headers, times=1)
    endpoint.add_rule("*", "status", status=200, body=["a"], content_type="application/x")

    response = upload(endpoint)
    assert (response.status_code, response.text) == (418, "tea")
    assert response.headers["X-Request-Id"] == "42"
    assert response.headers["Content-Type"] == "text/plain"
    response = upload(endpoint)
    assert (response.json(), response.headers["Content-Type"]) == (["a"], "application/x")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body_has_none(endpoint: EndpointProcess, status: int) -> None:
    endpoint.add_rule("*", "trickle", seconds=0, status=status)
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))
        answer = read_all(connection)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.endswith(b"\r\n\r\n")


def test_retry_after_in_seconds(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=429, retry_after=7)

    assert upload(endpoint).headers["Retry-After"] == "7"


def test_retry_after_as_a_date(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=429, retry_after_date=100)
    sent = time.time()
    date = parsedate_to_datetime(upload(endpoint).headers["Retry-After"])

    assert sent + 100 <= date.timestamp() <= time.time() + 101


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_rate_limit_headers(endpoint: EndpointProcess, unit: str, factor: int) -> None:
    endpoint.add_rule("*", "status", status=429, ratelimit_reset=100, ratelimit_reset_unit=unit)
    sent = time.time()
    headers = upload(endpoint).headers

    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("100", "0")
    assert sent + 100 <= int(headers["X-RateLimit-Reset"]) / factor <= time.time() + 101


def test_a_redirect_leads_back_so_that_following_it_shows(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=302)
    request = prepared(endpoint)
    assert upload(endpoint).headers["Location"] == PATH

    with requests.Session() as session:
        session.send(request, timeout=10)
    assert [(each.method, each.status) for each in endpoint.arrivals()][1:] == [
        ("POST", 302),
        ("GET", 405),
    ]


def test_a_redirect_leads_to_its_location(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=307, headers={"Location": "http://127.0.0.1:9/"})

    assert upload(endpoint).headers["Location"] == "http://127.0.0.1:9/"


def test_an_html_page(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "html")
    response = upload(endpoint)

    assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")
    assert "<h1>" in response.text


def test_invalid_json_is_a_success_that_cannot_be_parsed(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "invalid_json")
    response = upload(endpoint)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.text)
    assert endpoint.image("bot-1") == SQUARE


def test_a_delay_stores_the_image_and_responds_late_as_usual(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "delay", seconds=0.3, times=2)
    response = upload(endpoint)

    assert (response.status_code, response.json()) == (200, UPLOADED)
    [arrival] = endpoint.arrivals()
    assert arrival.body_at
    assert arrival.answered_at
    assert arrival.answered_at - arrival.body_at >= 0.3
    assert upload(endpoint, content=image(9, 8)).status_code == 400


def test_a_client_that_gives_up_on_a_delay_finds_its_image_stored(
    endpoint: EndpointProcess,
) -> None:
    endpoint.add_rule("*", "delay", seconds=60)
    with requests.Session() as session, pytest.raises(requests.ReadTimeout):
        session.send(prepared(endpoint), timeout=0.3)

    assert endpoint.image("bot-1") == SQUARE
    [arrival] = endpoint.arrivals()
    assert arrival.applied
    assert arrival.status is None


def test_a_delay_can_end_in_a_status(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "delay", seconds=0.01, status=504)

    assert statuses(endpoint, "bot-1", 1) == [504]
    assert endpoint.image("bot-1") is None


def test_a_delay_holds_up_nobody_else(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "delay", seconds=60)
    with connect(endpoint) as slow:
        slow.sendall(on_the_wire(prepared(endpoint)))

        assert statuses(endpoint, "bot-2", 1) == [200]


def test_a_body_trickles_after_its_headers(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "trickle", seconds=60, status=500)
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))

        assert receive(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 500 Internal Server Error")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_headers_trickle(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "trickle", seconds=0.1, part="headers")
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))
        started = time.monotonic()
        received = connection.recv(100) + connection.recv(100)

    assert b"HTTP/1.1 200 OK".startswith(received)
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_trickled_response_is_complete_in_the_end(endpoint: EndpointProcess, part: str) -> None:
    endpoint.add_rule("*", "trickle", seconds=0.0001, part=part)
    response = upload(endpoint)

    assert (response.status_code, response.json()) == (200, UPLOADED)
    assert endpoint.arrivals()[0].answered_at
    assert endpoint.image("bot-1") == SQUARE


def test_a_reset_comes_in_the_middle_of_the_image(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "reset")
    request = on_the_wire(prepared(endpoint, content=LARGE))
    with connect(endpoint) as connection:
        connection.sendall(request[: len(request) // 2])

        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    [arrival] = endpoint.arrivals()
    assert (arrival.status, arrival.body_at, arrival.applied) == (None, None, False)


def test_a_small_upload_is_reset_too(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "reset")
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))

        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_close_before_the_image_is_read(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "close_before_read")
    request = on_the_wire(prepared(endpoint, content=LARGE))
    with connect(endpoint) as connection:
        connection.sendall(request[: request.index(LARGE) + 1_000])

        assert read_all(connection) == b""
    [arrival] = endpoint.arrivals()
    assert (arrival.chatbot_id, arrival.status, arrival.sha256) == ("bot-1", None, None)


def test_a_close_after_the_image_was_stored(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "close_after_accept", times=1)
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))

        assert read_all(connection) == b""
    assert endpoint.image("bot-1") == SQUARE
    [arrival] = endpoint.arrivals()
    assert (arrival.status, arrival.applied) == (None, True)
    assert arrival.body_at
    assert arrival.ended_at
    assert statuses(endpoint, "bot-1", 1) == [200]


def test_a_bad_image_is_not_stored_before_a_close(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "close_after_accept")
    with pytest.raises(requests.ConnectionError):
        upload(endpoint, content=image(9, 8))

    assert endpoint.image("bot-1") is None


def test_a_truncated_body_is_shorter_than_announced(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "truncated_body")
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))
        head, _, body = read_all(connection).partition(b"\r\n\r\n")

    length = re.search(rb"Content-Length: (\d+)", head)
    assert length
    assert 0 < len(body) < int(length[1])
    assert endpoint.arrivals()[0].answered_at is None


def test_a_huge_body_has_the_size_of_its_rule(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "huge_body", size=3_000_001)

    assert len(upload(endpoint).content) == 3_000_001


def test_an_endless_body_ends_only_with_the_client(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "huge_body")
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))
        received = 0
        while received < 20_000_000:
            received += len(connection.recv(1_000_000))
    assert statuses(endpoint, "bot-2", 1) == [200]
    [endless, _] = endpoint.arrivals()
    assert endless.answered_at is None
    assert endless.ended_at


def test_an_endless_body_holds_up_nobody_else(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "huge_body")
    with connect(endpoint) as connection, ThreadPoolExecutor(1) as other:
        connection.sendall(on_the_wire(prepared(endpoint)))
        answer = other.submit(statuses, endpoint, "bot-2", 1)
        while not answer.done():
            connection.recv(1_000_000)

    assert answer.result() == [200]


@pytest.mark.parametrize("fault", ["reset", "close_before_read", "close_after_accept"])
def test_an_image_before_its_chatbot_id_has_the_same_faults(
    endpoint: EndpointProcess, fault: str
) -> None:
    endpoint.add_rule("bot-1", fault)
    form = {"profilePictureFile": ("a.png", SQUARE, "image/png"), "chatbotId": (None, "bot-1")}

    with pytest.raises(requests.ConnectionError):
        upload(endpoint, data={}, files=form)
    assert (endpoint.image("bot-1") is not None) == (fault == "close_after_accept")
