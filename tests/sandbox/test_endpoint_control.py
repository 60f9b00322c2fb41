"""The control API of the sandbox endpoint: its log, counts, rules and keys."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox.endpoint.process import EndpointProcess
from tests.sandbox.test_endpoint_driver import (
    SQUARE,
    connect,
    on_the_wire,
    prepared,
    upload,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "a-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def process() -> Iterator[EndpointProcess]:
    options = ("--log-size", "1100", "--fault", "bot-of-the-start 503 times=1")
    with EndpointProcess(api_keys=[KEY], options=options) as process:
        yield process


@pytest.fixture
def endpoint(process: EndpointProcess) -> EndpointProcess:
    process.reset()
    return process


def call(endpoint: EndpointProcess, method: str, path: str, **kwargs: Any) -> requests.Response:
    return requests.request(method, f"{endpoint.url}/_sandbox/{path}", timeout=10, **kwargs)


def eventually(endpoint: EndpointProcess, name: str, value: int) -> None:
    deadline = time.monotonic() + 5
    while endpoint.stats()[name] != value:
        assert time.monotonic() < deadline, endpoint.stats()
        time.sleep(0.01)


def test_arrivals_are_in_order_and_start_after_any_number(
    endpoint: EndpointProcess,
) -> None:
    for chatbot_id in ("a", "b", "c"):
        upload(endpoint, chatbot_id)

    assert [(each.number, each.chatbot_id) for each in endpoint.arrivals(since=1)] == [
        (2, "b"),
        (3, "c"),
    ]
    assert endpoint.arrivals(since=3) == []


def test_an_arrivals_times_are_in_order_and_on_both_clocks(endpoint: EndpointProcess) -> None:
    before = time.monotonic(), time.time()
    upload(endpoint)
    [arrival] = endpoint.arrivals()

    assert arrival.body_at
    assert arrival.answered_at
    assert before[0] <= arrival.headers_at <= arrival.body_at <= arrival.answered_at
    assert arrival.answered_at <= time.monotonic()
    assert before[1] - 1 <= arrival.arrived <= arrival.unix(arrival.answered_at) < time.time() + 1
    assert arrival.ended_at == arrival.answered_at


def test_the_log_is_bounded_and_counts_go_on(endpoint: EndpointProcess) -> None:
    with connect(endpoint) as connection:
        for _ in range(1_110):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            connection.recv(65_536)

    numbers = [each.number for each in endpoint.arrivals()]
    assert numbers == list(range(11, 1_111))
    assert endpoint.stats()["requests"] == 1_110
    assert endpoint.stats()["first_in_log"] == 11


def test_counts(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("a", "status", status=500, times=1)
    endpoint.add_rule("b", "reset", times=1)
    upload(endpoint, "a")
    upload(endpoint, "a")
    with pytest.raises(requests.ConnectionError):
        upload(endpoint, "b")

    assert endpoint.stats() == {
        "requests": 3,
        "statuses": {"500": 1, "200": 1, "none": 1},
        "applied": 1,
        "overlapped": 0,
        "out_of_order": 0,
        "in_flight": 0,
        "max_in_flight": 1,
        "chatbots": 2,
        "first_in_log": 1,
        "refused": 0,
        "busiest": {},
    }


def test_two_uploads_of_a_chatbot_at_once_are_marked(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "delay", seconds=0.3)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda chatbot: upload(endpoint, chatbot), ["a", "a", "b"]))

    assert {(each.chatbot_id, each.overlapped) for each in endpoint.arrivals()} == {
        ("a", True),
        ("b", False),
    }
    assert endpoint.stats()["overlapped"] == 2
    assert endpoint.stats()["max_in_flight"] == 3


def test_an_upload_overlaps_from_its_headers_on(endpoint: EndpointProcess) -> None:
    request = on_the_wire(prepared(endpoint))
    head = request.index(b"\r\n\r\n") + 4
    with connect(endpoint) as connection:
        connection.sendall(request[:head])
        eventually(endpoint, "in_flight", 1)
        upload(endpoint)
        connection.sendall(request[head:])
        connection.recv(1)

    assert [each.overlapped for each in endpoint.arrivals()] == [True, True]


def test_an_upload_that_its_client_gave_up_is_in_flight_no_longer(
    endpoint: EndpointProcess,
) -> None:
    endpoint.add_rule("bot-1", "delay", seconds=60, times=20)
    for _ in range(20):
        with connect(endpoint) as connection:
            connection.sendall(on_the_wire(prepared(endpoint)))
            eventually(endpoint, "in_flight", 1)
        upload(endpoint, "bot-2")
    upload(endpoint)

    assert endpoint.stats()["overlapped"] == 0


def test_a_client_that_leaves_in_the_middle_of_its_upload_is_logged(
    endpoint: EndpointProcess,
) -> None:
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint))[:-100])
        eventually(endpoint, "in_flight", 1)
    eventually(endpoint, "in_flight", 0)

    [arrival] = endpoint.arrivals()
    assert (arrival.status, arrival.body_at, arrival.applied) == (None, None, False)
    assert endpoint.stats()["statuses"] == {"none": 1}


def test_no_key_is_ever_shown(endpoint: EndpointProcess) -> None:
    upload(endpoint)
    upload(endpoint, key="another-key-of-somebody")

    shown = call(endpoint, "GET", "arrivals").text + call(endpoint, "GET", "stats").text
    assert KEY not in shown
    assert "another-key-of-somebody" not in shown
    assert len({each.key for each in endpoint.arrivals()}) == 2


def test_a_key_can_be_revoked_and_accepted_again(endpoint: EndpointProcess) -> None:
    endpoint.accept("second-key")
    endpoint.revoke(KEY)
    revoked, second = upload(endpoint), upload(endpoint, key="second-key")
    assert (revoked.status_code, second.status_code) == (401, 200)
    endpoint.accept(KEY)
    endpoint.revoke("second-key")
    endpoint.revoke("never-known")
    assert upload(endpoint).status_code == 200
    assert upload(endpoint, key="second-key").status_code == 401


def test_a_reset_accepts_the_keys_of_the_start(endpoint: EndpointProcess) -> None:
    endpoint.revoke(KEY)
    endpoint.accept("second-key")
    endpoint.reset()
    assert upload(endpoint).status_code == 200
    assert upload(endpoint, key="second-key").status_code == 401


def test_a_rule_may_be_for_one_key(endpoint: EndpointProcess) -> None:
    endpoint.accept("second-key")
    endpoint.add_rule("*", "status", status=429, key=1, times=2)
    endpoint.add_rule("*", "status", status=503, times=1)

    def statuses(key: str) -> list[int]:
        return [upload(endpoint, key=key).status_code for _ in range(3)]

    assert statuses("second-key") == [429, 429, 503]
    assert statuses(KEY) == [200, 200, 200]


def test_rules_for_one_key_are_forgotten_with_those_of_their_chatbot(
    endpoint: EndpointProcess,
) -> None:
    endpoint.add_rule("bot-1", "status", status=500, key=0)
    endpoint.add_rule("bot-2", "status", status=500, key=0)
    endpoint.clear_rules("bot-1")
    assert [upload(endpoint, bot).status_code for bot in ("bot-1", "bot-2")] == [200, 500]


def test_keys_are_shown_by_their_name_in_the_log_alone(endpoint: EndpointProcess) -> None:
    upload(endpoint)
    endpoint.accept("second-key")
    endpoint.revoke(KEY)
    shown = call(endpoint, "GET", "keys")

    assert [each["accepted"] for each in shown.json()["keys"]] == [False, True]
    assert shown.json()["keys"][0]["key"] == endpoint.arrivals()[0].key
    assert KEY not in shown.text
    assert "second-key" not in shown.text


@pytest.mark.parametrize("body", ['{"revoke": "canary"}', '{"canary": []}', '{"accept": [""]}', ""])
def test_a_wrong_change_of_keys_is_refused_and_not_repeated(
    endpoint: EndpointProcess, body: str
) -> None:
    response = call(endpoint, "POST", "keys", data=body)

    assert response.status_code == 400
    assert "accept" in response.json()["problems"][0]
    assert "canary" not in response.text


def test_an_image_comes_back_with_its_content_type(endpoint: EndpointProcess) -> None:
    upload(endpoint)
    response = call(endpoint, "GET", "image", params={"chatbot_id": "bot-1"})

    assert (response.content, response.headers["Content-Type"]) == (SQUARE, "image/png")


def test_a_reset_is_as_a_fresh_start(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=500)
    upload(endpoint)
    endpoint.clear_rules()
    upload(endpoint)
    endpoint.reset()

    assert endpoint.arrivals() == []
    assert endpoint.image("bot-1") is None
    assert endpoint.stats()["statuses"] == {}
    assert [upload(endpoint, "bot-of-the-start").status_code for _ in range(2)] == [503, 200]


def test_an_upload_under_way_during_a_reset_ends_unnoticed(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "delay", seconds=0.3)
    with connect(endpoint) as connection:
        connection.sendall(on_the_wire(prepared(endpoint)))
        eventually(endpoint, "in_flight", 1)
        endpoint.reset()
        assert connection.recv(12) == b"HTTP/1.1 200"

    assert endpoint.stats()["requests"] == 0
    assert endpoint.stats()["in_flight"] == 0


def test_the_rules_left_can_be_seen(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=500, times=2)
    upload(endpoint)

    assert call(endpoint, "GET", "rules").json()["rules"][-1] == {
        "chatbot_id": "bot-1",
        "fault": "status",
        "status": 500,
        "times": 1,
    }


@pytest.mark.parametrize(
    ("fault", "options", "problem"),
    [
        ("explode", {}, "rules.0: Input tag 'explode' found .* 'status', "),
        ("status", {}, "rules.0.status.status: Field required"),
        ("status", {"status": 99}, "rules.0.status.status: .* than or equal to 200 (got 99)"),
        ("delay", {"seconds": -1}, "rules.0.delay.seconds: .* than or equal to 0 (got -1)"),
        ("trickle", {"part": "tail"}, "rules.0.trickle.part: .* 'headers' or 'body' (got 'tail')"),
        ("reset", {"status": 200}, "rules.0.reset.status: Extra inputs are not permitted"),
        ("reset", {"times": 0}, "rules.0.reset.times: .* greater than 0 (got 0)"),
        ("html", {"headers": {"A": "b\r\nC: d"}}, "rules.0.html.headers.A: "),
    ],
)
def test_a_wrong_rule_is_refused_by_its_index_and_field(
    endpoint: EndpointProcess, fault: str, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem.replace("(", r"\(").replace(")", r"\)")):
        endpoint.add_rule("bot-1", fault, **options)
    assert upload(endpoint).status_code == 200


def test_a_rule_that_would_never_apply_is_refused(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "status", status=500)

    with pytest.raises(ValueError, match="would never apply"):
        endpoint.add_rule("bot-1", "status", status=404, times=1)
    endpoint.add_rule("bot-2", "status", status=404, times=1)


def test_one_wrong_rule_keeps_out_all_of_its_request(endpoint: EndpointProcess) -> None:
    rules = [{"fault": "status", "status": 500}, {"fault": "status", "status": 404}]
    response = call(endpoint, "POST", "rules", json={"rules": rules})

    assert (response.status_code, len(response.json()["problems"])) == (400, 1)
    assert upload(endpoint).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"rule": []}'])
def test_what_is_no_document_of_rules_is_refused(endpoint: EndpointProcess, body: bytes) -> None:
    response = call(endpoint, "POST", "rules", data=body)

    assert response.status_code == 400
    assert response.json()["problems"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "arrivals?since=x", 400),
        ("GET", "arrivals?limit=-1", 400),
        ("GET", "image", 400),
        ("GET", "image?chatbot_id=bot-1", 404),
        ("GET", "image?chatbot_id=bot-1&asset=banner", 400),
        ("GET", "nothing", 404),
        ("POST", "stats", 404),
    ],
)
def test_a_wrong_control_call_is_refused_and_not_logged(
    endpoint: EndpointProcess, method: str, path: str, status: int
) -> None:
    response = call(endpoint, method, path)

    assert response.status_code == status
    assert response.json()["problems"]
    assert endpoint.stats()["requests"] == 0


def test_health_names_the_process(endpoint: EndpointProcess) -> None:
    assert call(endpoint, "GET", "health").json() == {"pid": endpoint.pid}
