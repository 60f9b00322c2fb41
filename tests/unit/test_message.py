"""Queue entries as others write them: read strictly, refused with a reason."""

from __future__ import annotations

import base64
import bz2
import json
import lzma
import pickle
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from facelift.job import ENQUEUE_TASK
from tasks.message import MOST_BYTES, MessageRefused, TaskMessage, read_message

if TYPE_CHECKING:
    from collections.abc import Callable

FIELDS = {"chatbot_id": "bot", "image": "media:a.png"}
BODY = [[], FIELDS, {}]


def entry(
    body: object = BODY,
    *,
    packed: bytes | None = None,
    headers: dict[str, Any] | None = None,
    properties: dict[str, Any] | None = None,
    envelope: dict[str, object] | None = None,
) -> bytes:
    """A message of `facelift.enqueue`, in what is given unlike Celery's own."""
    text = json.dumps(body).encode() if packed is None else packed
    message = {
        "body": base64.b64encode(text).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": ENQUEUE_TASK, "id": "job-1"} | (headers or {}),
        "properties": {"body_encoding": "base64", "delivery_tag": "t"} | (properties or {}),
    }
    return json.dumps(message | (envelope or {})).encode()


def test_message_is_read() -> None:
    message = read_message(entry())
    assert (message.id, message.args, message.kwargs) == ("job-1", [], FIELDS)


def test_wake_up_message_needs_no_body() -> None:
    message = read_message(b'{"body": 7, "headers": {"task": "facelift.upload", "id": "job-1"}}')
    assert (message.id, message.is_wake_up) == ("job-1", True)


def test_two_messages_with_one_delivery_tag_are_told_apart() -> None:
    assert read_message(entry()).tag != read_message(entry()).tag


def test_message_of_protocol_1_is_read() -> None:
    body = {
        "task": ENQUEUE_TASK,
        "id": "old",
        "args": [],
        "kwargs": FIELDS,
        "eta": "2026-01-31T12:00:00",
        "callbacks": [{"task": "next"}],
    }
    message = read_message(entry(body, headers={"task": None, "id": None}))
    assert (message.id, message.kwargs, message.not_before) == ("old", FIELDS, 1769860800.0)
    assert message.follow_ups.link == [{"task": "next"}]


@pytest.mark.parametrize("eta", ["2026-01-31T12:00:00Z", "2026-01-31T14:00:00+02:00"])
def test_times_are_read(eta: str) -> None:
    message = read_message(entry(headers={"eta": eta, "expires": eta}))
    assert message.not_before == message.expires_at == 1769860800.0


@pytest.mark.parametrize(
    ("priority", "read"), [(0, 0), (3, 3), (9, 9), (10, 0), (-1, 0), (None, 0), ([], 0), ("9", 0)]
)
def test_priority_is_read_if_it_is_one(priority: object, read: int) -> None:
    assert read_message(entry(properties={"priority": priority})).priority == read


PACKED = json.dumps(BODY).encode()


@pytest.mark.parametrize(
    ("compression", "packed"),
    [
        ("application/x-gzip", zlib.compress(PACKED)),
        ("application/x-bz2", bz2.compress(PACKED)),
        ("application/x-lzma", lzma.compress(PACKED)),
    ],
)
def test_compressed_body_is_unpacked(compression: str, packed: bytes) -> None:
    message = read_message(entry(packed=packed, headers={"compression": compression}))
    assert message.kwargs == FIELDS


NESTED: Any = "x"
for _ in range(40):
    NESTED = [NESTED]

REFUSED: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"hello", "the message is not JSON"),
    "no UTF-8": (b"\xff\xfe{}", "the message is not JSON"),
    "empty": (b"", "the message is not JSON"),
    "a number": (b"7", "the message is no JSON object"),
    "typed JSON": (b'{"__type__":1,"__value__":2}', "the message's body is no text"),
    "brackets": (b"[" * 100_000, "the message is nested too deeply"),
    "objects": (b'{"a":' * 40_000, "the message is nested too deeply"),
    "NaN": (b'{"headers": NaN}', "the message is not JSON"),
    "digits": (b"9" * 10_000, "the message is not JSON"),
    "40 MB": (b" " * 40_000_000, "the message has 40000000 bytes, more than 262144"),
    "headers": (b'{"headers": [1]}', "the message's headers are no JSON object"),
    "properties": (
        b'{"headers": {"task": "facelift.enqueue"}, "properties": [1]}',
        "the message's properties are no JSON object",
    ),
    "a list as task": (entry(headers={"task": ["x"]}), "its task is of type list"),
    "another task": (entry(headers={"task": "shop.ship"}), "its task is 'shop.ship', not"),
    "no id": (entry(headers={"id": None}), "its task id is None, not"),
    "an odd id": (entry(headers={"id": "../\x1b[2J"}), r"its task id is '../\x1b[2J', not"),
    "a list as id": (entry(headers={"id": [[]]}), "its task id is of type list"),
    "no body": (entry(body=7), "the message's body is neither of"),
    "a list as body": (entry([1]), "the message's body is neither of"),
    "half a base64": (
        json.dumps(json.loads(entry()) | {"body": "a"}).encode(),
        "the message's body is not base64",
    ),
    "an encoding": (entry(properties={"body_encoding": ["x"]}), "body_encoding is not base64"),
    "yaml": (
        entry(envelope={"content-type": "application/x-yaml"}),
        "its content type is 'application/x-yaml': use the serializer json",
    ),
    "pickle": (
        entry(
            packed=pickle.dumps(BODY),
            envelope={
                "content-type": "application/x-python-serialize",
                "content-encoding": "binary",
            },
        ),
        "its content type is 'application/x-python-serialize': use",
    ),
    "a list as content type": (
        entry(envelope={"content-type": []}),
        "its content type is of type list",
    ),
    "a charset": (entry(envelope={"content-encoding": "utf-7"}), "its content encoding is 'utf-7'"),
    "deep arguments": (entry([[], {"chatbot_id": NESTED}, {}]), "body is nested too deeply"),
    "deep headers": (entry(headers={"x": NESTED}), "the message is nested too deeply"),
    "a text as arguments": (entry(["x", FIELDS, {}]), "arguments have another form"),
    "an eta": (entry(headers={"eta": "soon"}), "its eta is 'soon', no time in ISO 8601"),
    "a list as eta": (entry(headers={"eta": [1]}), "its eta is of type list, no time"),
    "the year 10000": (entry(headers={"expires": "10000-01-01"}), "its expires is"),
    "zstd": (entry(headers={"compression": "application/zstd"}), "its compression is none of"),
    "a list as compression": (entry(headers={"compression": [1]}), "its compression is none of"),
    "damaged": (entry(headers={"compression": "application/x-gzip"}), "body is damaged"),
    "cut": (
        entry(packed=zlib.compress(PACKED)[:-6], headers={"compression": "application/x-gzip"}),
        "body is damaged",
    ),
}


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_other_entry_is_refused_with_the_reason(kind: str) -> None:
    item, reason = REFUSED[kind]
    with pytest.raises(MessageRefused) as caught:
        read_message(item)
    assert reason in caught.value.reason
    assert len(caught.value.reason) < 200
    assert caught.value.reason.isprintable()


@pytest.mark.parametrize(
    ("compression", "compress"),
    [
        ("application/x-gzip", zlib.compress),
        ("application/x-bz2", bz2.compress),
        ("application/x-lzma", lzma.compress),
    ],
)
def test_body_that_unpacks_to_too_much_is_refused(
    compression: str, compress: Callable[[bytes], bytes]
) -> None:
    packed = compress(bytes(50_000_000))
    with pytest.raises(MessageRefused) as caught:
        read_message(entry(packed=packed, headers={"compression": compression}))
    assert "unpacks to more than 262144 bytes" in caught.value.reason


def test_refusal_names_the_task_as_far_as_it_is_known() -> None:
    with pytest.raises(MessageRefused) as caught:
        read_message(entry(headers={"eta": "soon"}))
    assert caught.value.task_id == "job-1"


def test_largest_message_is_read() -> None:
    message = read_message(entry([[], FIELDS | {"more": "x" * 190_000}, {}]))
    assert isinstance(message, TaskMessage)
    assert len(message.item) < MOST_BYTES
