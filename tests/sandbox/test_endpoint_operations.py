"""The four operations of the sandbox endpoint: each as strict as the first, each on its asset."""

from __future__ import annotations

import hashlib
import time
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox.endpoint.operations import OPERATIONS, Operation
from sandbox.endpoint.process import EndpointProcess
from tests.sandbox.test_endpoint_driver import BAD_REQUEST, SQUARE, call, image
from worker.endpoint.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SET_PICTURE, SET_ICON, REMOVE_PICTURE, REMOVE_ICON = OPERATIONS
UPLOADS, REMOVALS = OPERATIONS[:2], OPERATIONS[2:]
SHA256 = hashlib.sha256(SQUARE).hexdigest()


def named(operation: object) -> str | None:
    if isinstance(operation, Operation):
        return f"{operation.action} {operation.asset}"
    return None


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=named)
each_upload = pytest.mark.parametrize("operation", UPLOADS, ids=named)
each_removal = pytest.mark.parametrize("operation", REMOVALS, ids=named)


@pytest.fixture(scope="module")
def process() -> Iterator[EndpointProcess]:
    with EndpointProcess(options=("--known-chatbot", "bot-1", "--rate-limit", "30/60s")) as process:
        yield process


@pytest.fixture
def endpoint(process: EndpointProcess) -> EndpointProcess:
    process.reset()
    return process


def shown(endpoint: EndpointProcess) -> dict[str, str | None]:
    """The SHA-256 of what bot-1 shows, by asset."""
    return {each.asset: each.sha256 for each in endpoint.assets("bot-1")}


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def reason(endpoint: EndpointProcess) -> str:
    return endpoint.arrivals()[-1].reason or ""


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (SET_PICTURE, "Chatbot Profile Picture uploaded successfully."),
        (SET_ICON, "Chatbot chat icon uploaded successfully."),
        (REMOVE_PICTURE, "OK"),
        (REMOVE_ICON, "Chatbot icon deleted successfully."),
    ],
    ids=named,
)
def test_each_operation_is_confirmed_and_logged(
    endpoint: EndpointProcess, operation: Operation, message: str
) -> None:
    response = call(endpoint, operation)

    assert (response.status_code, response.json()) == (200, {"message": message})
    [arrival] = endpoint.arrivals()
    assert (arrival.asset, arrival.action) == (operation.asset, operation.action)
    assert (arrival.chatbot_id, arrival.applied) == ("bot-1", True)


def test_what_stands_is_known_for_each_asset(endpoint: EndpointProcess) -> None:
    assert shown(endpoint) == {}
    call(endpoint, SET_PICTURE)
    call(endpoint, SET_ICON, content=image(9, 9))
    icon = hashlib.sha256(image(9, 9)).hexdigest()
    assert shown(endpoint) == {"profile_picture": SHA256, "icon": icon}
    assert (endpoint.image("bot-1"), endpoint.image("bot-1", "icon")) == (SQUARE, image(9, 9))

    call(endpoint, REMOVE_PICTURE)
    assert shown(endpoint) == {"profile_picture": None, "icon": icon}
    assert (endpoint.image("bot-1"), endpoint.image("bot-1", "icon")) == (None, image(9, 9))
    call(endpoint, SET_PICTURE)
    call(endpoint, REMOVE_ICON)
    assert shown(endpoint) == {"profile_picture": SHA256, "icon": None}
    assert [each.number for each in endpoint.assets()] == [4, 5]


def test_the_worker_asks_for_each_operation_as_the_sandbox_plays_it() -> None:
    assert [
        (asset, action, route.method, route.path, route.file_field, route.confirmation)
        for (asset, action), route in ROUTES.items()
    ] == sorted(map(astuple, OPERATIONS), key=lambda each: (each[0] == "icon", each[1] == "remove"))


@each_removal
def test_a_removal_can_be_repeated(endpoint: EndpointProcess, operation: Operation) -> None:
    assert [call(endpoint, operation).status_code for _ in range(2)] == [200, 200]


@each_operation
def test_each_path_takes_its_own_method_alone(
    endpoint: EndpointProcess, operation: Operation
) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"} - {operation.method}:
        response = requests.request(method, endpoint.url + operation.path, timeout=10)
        assert (response.status_code, response.headers["Allow"]) == (405, operation.method)


@each_operation
def test_a_key_is_needed_for_each(endpoint: EndpointProcess, operation: Operation) -> None:
    none: dict[str, str] = {}
    answers = [
        call(endpoint, operation, headers=headers)
        for headers in (none, {"Authorization": "Bearer wrong"})
    ]

    assert [each.status_code for each in answers] == [401, 401]
    assert shown(endpoint) == {}


@each_operation
def test_an_unknown_chatbot_is_not_found_by_any(
    endpoint: EndpointProcess, operation: Operation
) -> None:
    assert call(endpoint, operation, "bot-2").status_code == 404


@each_operation
@pytest.mark.parametrize("chatbot_id", [None, "", " \t", "b" * 1001])
def test_a_chatbot_is_needed_for_each(
    endpoint: EndpointProcess, operation: Operation, chatbot_id: str | None
) -> None:
    response = call(endpoint, operation, chatbot_id)

    assert (response.status_code, response.json()) == (400, BAD_REQUEST)
    assert reason(endpoint) == "chatbotId is missing, blank or too long"


@each_removal
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": b"x"}, "a removal has no body"),
        ({"json": {"chatbotId": "bot-1"}}, "a removal has no body"),
        ({"data": iter([b"x"])}, "a removal has no body"),
        ({"params": [("chatbotId", "bot-1")] * 2}, "chatbotId comes more than once"),
        ({"params": {"chatbotId": "bot-1", "asset": "icon"}}, "there is no field 'asset'"),
        ({"params": {}, "data": {"chatbotId": "bot-1"}}, "a removal has no body"),
    ],
    ids=["body", "json", "chunked", "twice", "other field", "in the body alone"],
)
def test_a_removal_is_its_query_and_nothing_else(
    endpoint: EndpointProcess, operation: Operation, changes: dict[str, Any], why: str
) -> None:
    assert call(endpoint, operation, **changes).status_code == 400
    assert why in reason(endpoint)
    assert shown(endpoint) == {}


@each_upload
def test_an_upload_has_its_own_two_fields_and_nothing_else(
    endpoint: EndpointProcess, operation: Operation
) -> None:
    own, other = (
        {str(each.file_field): ("a.png", SQUARE, "image/png")}
        for each in sorted(UPLOADS, key=lambda upload: upload is not operation)
    )
    assert [
        call(endpoint, operation, **changes).status_code
        for changes in (
            {"files": other},
            {"files": own | other},
            {"files": list(own.items()) * 2},
            {"params": {"chatbotId": "bot-1"}},
            {"data": [("chatbotId", "bot-1")] * 2},
        )
    ] == [400] * 5
    reasons = [each.reason for each in endpoint.arrivals()]
    assert reasons[2:] == [
        f"{operation.file_field} comes more than once",
        "an upload has no query",
        "chatbotId comes more than once",
    ]
    assert all("there is no field" in str(each) for each in reasons[:2])


@each_upload
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (image(9, 8), "9 x 8, not square"),
        (SQUARE + bytes(1_000_000 - len(SQUARE)), "not under 1,000,000"),
        (b"<svg/>", "neither PNG nor JPEG"),
    ],
    ids=["not square", "too large", "svg"],
)
def test_each_image_is_square_and_small(
    endpoint: EndpointProcess, operation: Operation, content: bytes, why: str
) -> None:
    assert call(endpoint, operation, content=content).status_code == 400
    assert why in reason(endpoint)
    assert shown(endpoint) == {}


def test_all_operations_of_a_key_share_its_rate_limit() -> None:
    with EndpointProcess(api_keys=["a", "b"], options=["--rate-limit", "4/60s"]) as endpoint:
        answers = [call(endpoint, each) for each in (*OPERATIONS, *OPERATIONS)]
        other = call(endpoint, REMOVE_ICON, headers={"Authorization": "Bearer b"})

    assert [each.status_code for each in answers] == [200] * 4 + [429] * 4
    remaining = [each.headers["X-RateLimit-Remaining"] for each in answers[:4]]
    assert (remaining, other.status_code) == (list("3210"), 200)


@each_operation
def test_a_rule_can_be_for_one_operation(endpoint: EndpointProcess, operation: Operation) -> None:
    only = {"asset": operation.asset, "action": operation.action}
    endpoint.add_rule("bot-1", "status", status=503, **only)

    statuses = {each: call(endpoint, each).status_code for each in OPERATIONS}
    assert statuses == dict.fromkeys(OPERATIONS, 200) | {operation: 503}


def test_a_rule_can_be_for_an_asset_or_for_an_action(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "status", status=500, asset="icon", times=1)
    endpoint.add_rule("*", "status", status=502, action="remove", times=2)

    assert [call(endpoint, each).status_code for each in OPERATIONS] == [200, 500, 502, 502]


def test_a_rule_would_never_apply_once_each_of_its_operations_has_one(
    endpoint: EndpointProcess,
) -> None:
    endpoint.add_rule("*", "status", status=500, action="set")
    endpoint.add_rule("*", "status", status=500, asset="icon", action="remove")
    with pytest.raises(ValueError, match="would never apply"):
        endpoint.add_rule("*", "status", status=404, asset="icon")
    endpoint.add_rule("*", "status", status=404)  # a profile picture's removal is left
    with pytest.raises(ValueError, match="would never apply"):
        endpoint.add_rule("*", "status", status=404)


@each_operation
def test_a_status_for_an_operation_changes_nothing(
    endpoint: EndpointProcess, operation: Operation
) -> None:
    endpoint.add_rule("*", "status", status=500)

    assert call(endpoint, operation).json() == {"message": "Internal server error"}
    assert shown(endpoint) == {}


@each_operation
def test_a_redirect_leads_back_to_its_own_path(
    endpoint: EndpointProcess, operation: Operation
) -> None:
    endpoint.add_rule("*", "status", status=307)

    assert call(endpoint, operation).headers["Location"] == operation.path


@each_operation
@pytest.mark.parametrize("fault", ["reset", "close_before_read", "close_after_accept"])
def test_each_operation_can_be_cut_off(
    endpoint: EndpointProcess, operation: Operation, fault: str
) -> None:
    endpoint.add_rule("*", fault)
    with pytest.raises(requests.ConnectionError):
        call(endpoint, operation)

    assert (operation.asset in shown(endpoint)) == (fault == "close_after_accept")


@each_operation
def test_each_operation_can_be_delayed(endpoint: EndpointProcess, operation: Operation) -> None:
    endpoint.add_rule("*", "delay", seconds=0.2)
    started = time.monotonic()

    assert call(endpoint, operation).status_code == 200
    assert time.monotonic() - started >= 0.2


@each_operation
@pytest.mark.parametrize(
    ("meanwhile", "changes"), [("wait", {}), ("close", {}), ("respond", {"status": 504})]
)
def test_each_operation_can_be_applied_late(
    endpoint: EndpointProcess, operation: Operation, meanwhile: str, changes: dict[str, int]
) -> None:
    endpoint.add_rule("*", "apply_late", seconds=0.2, meanwhile=meanwhile, times=1, **changes)
    if meanwhile == "respond":
        assert call(endpoint, operation).status_code == 504
    else:
        with pytest.raises(requests.ConnectionError):
            call(endpoint, operation)
    eventually(lambda: endpoint.arrivals()[0].applied)

    assert endpoint.arrivals()[0].out_of_order is False


def test_an_upload_applied_after_a_removal_is_out_of_order(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("*", "apply_late", seconds=0.3, meanwhile="close", times=1)
    with pytest.raises(requests.ConnectionError):
        call(endpoint, SET_PICTURE)
    call(endpoint, SET_ICON)
    call(endpoint, REMOVE_PICTURE)
    assert shown(endpoint)["profile_picture"] is None
    eventually(lambda: shown(endpoint)["profile_picture"] == SHA256)

    assert [each.out_of_order for each in endpoint.arrivals()] == [True, False, False]
    assert endpoint.stats()["out_of_order"] == 1


@each_upload
def test_a_refused_upload_is_not_applied_late(
    endpoint: EndpointProcess, operation: Operation
) -> None:
    endpoint.add_rule("*", "apply_late", seconds=0, meanwhile="respond")

    assert call(endpoint, operation, content=image(9, 8)).status_code == 400
    assert shown(endpoint) == {}
