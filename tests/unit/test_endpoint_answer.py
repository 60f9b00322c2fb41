"""What an answer means: by its status, explained by its text."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelift.asset import Action
from facelift.codes import OutcomeCode
from facelift.ledger.replies import Quota
from worker.endpoint.answer import Receipt, judge
from worker.endpoint.pause import read_quota, requested_pause
from worker.endpoint.redact import presentable
from worker.errors import DeliveryFailed, DeliveryRefused, Failure, RateLimited

KEY = "sk-canary/1234+5678=="
NOW = 1_700_000_000.0
URL = "https://www.chatbase.co/api/v1/upload-chatbot-profile-picture"


def judged(
    status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> Receipt | Failure:
    try:
        return judge(status, headers or {}, body, url=URL, api_key=KEY, now=NOW)
    except Failure as failure:
        return failure


def sentence(status: int, body: bytes, **headers: str) -> str:
    result = judged(status, body, headers)
    return result.message if isinstance(result, Receipt) else result.sentence


@pytest.mark.parametrize(
    ("statuses", "kind", "code"),
    [
        (range(100, 200), DeliveryFailed, OutcomeCode.MALFORMED_RESPONSE),
        (range(300, 400), DeliveryRefused, OutcomeCode.UNEXPECTED_REDIRECT),
        (range(416, 422), DeliveryRefused, OutcomeCode.REJECTED),
        (range(429, 430), RateLimited, OutcomeCode.RATE_LIMITED),
        (range(430, 500), DeliveryRefused, OutcomeCode.REJECTED),
        (range(500, 600), DeliveryFailed, OutcomeCode.SERVER_ERROR),
        (range(600, 1000), DeliveryFailed, OutcomeCode.MALFORMED_RESPONSE),
    ],
)
def test_a_status_decides_even_if_the_text_says_otherwise(
    statuses: range, kind: type[Failure], code: OutcomeCode
) -> None:
    for status in statuses:
        result = judged(status, b'{"message":"Chatbot Profile Picture uploaded successfully."}')
        assert isinstance(result, kind)
        assert (result.code, result.http_status) == (code, status)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"message":"Resource not found"}', "Resource not found"),
        (b'{"error":{"code":"NOT_FOUND","message":"No such bot."}}', "No such bot"),
        (b'{"error":{"code":"NOT_FOUND"}}', "NOT_FOUND"),
        (b'{"error":"No such bot"}', "No such bot"),
        (b'{"message":" \\n "}', "Not Found"),
        (b'{"message":["no","text"]}', "Not Found"),
        (b'["message"]', "Not Found"),
        (b"<html><h1>Gone</h1></html>", "Not Found"),
        (b"", "Not Found"),
        (b'{"message":"cut', "Not Found"),
        (b'{"message":"\xff"}', "Not Found"),
        (b"[" * 60_000, "Not Found"),
        (b"9" * 60_000, "Not Found"),
    ],
)
def test_the_text_comes_from_whichever_envelope_there_is(body: bytes, text: str) -> None:
    assert sentence(404, body) == f"The endpoint answered 404: {text}."


def test_an_unknown_status_without_text_is_still_a_sentence() -> None:
    assert sentence(499, b"") == "The endpoint answered 499."


def test_only_the_documented_body_confirms() -> None:
    assert judged(200, b'{"message":"Done."}') == Receipt(200, "Delivered: Done.", confirmed=True)
    for body in (b'{"error":"no"}', b'{"message":1}', b'"message"', b"<html>"):
        result = judged(200, body)
        assert isinstance(result, Receipt)
        assert not result.confirmed


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://login.example.com/x?token=abc", " to login.example.com"),
        ("https://me:word@Login.example.com:8443/", " to login.example.com"),
        ("//login.example.com/x", " to login.example.com"),
        ("/login", " to www.chatbase.co"),
        ("http://[", ""),
        (f"https://{KEY}/", ""),
        ("", ""),
    ],
)
def test_a_redirect_names_the_host_alone(location: str, target: str) -> None:
    assert sentence(302, b"", Location=location) == (
        f"The endpoint redirects{target} (302); not followed."
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:20 -0000"}, 60),
        ({"Retry-After": "99999999999"}, 86_400),
        ({"Retry-After": "-7"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "7, 8"}, None),
        ({"Retry-After": "Tue, 14 Nov 2023 22:12:20 GMT"}, None),
        ({"X-RateLimit-Reset": "1700000060"}, 60),
        ({"X-RateLimit-Reset": "1700000060500"}, 60.5),
        ({"X-RateLimit-Reset": "9" * 400}, 86_400),
        ({"X-RateLimit-Reset": "1699999999"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"Retry-After": "7", "X-RateLimit-Reset": "1700000060"}, 7),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "1700000060"}, 60),
        ({}, None),
    ],
)
def test_a_pause_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_pause(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "quota"),
    [
        ("100", "99", "1700000010", Quota(100, 99, 10)),
        (" 100 ", " 0 ", "1700000010500", Quota(100, 0, 10.5)),
        ("100", None, None, Quota(100, None, None)),
        (None, "7", None, Quota(None, 7, None)),
        (None, None, "1700000000", Quota(None, None, 0)),
        ("soon", "-1", "1700000010", Quota(None, None, 10)),
        ("100;w=10", "1.5", "1699999999", None),
        ("100, 100", "", "nan", None),
        ("0", "0", None, Quota(None, 0, None)),
        ("9" * 10, "9" * 5_000, "9" * 400, Quota(None, None, 86_400)),
        (None, None, None, None),
    ],
)
def test_a_quota_is_read_from_the_headers(
    limit: str | None, remaining: str | None, reset: str | None, quota: Quota | None
) -> None:
    headers = {
        "X-RateLimit-Limit": limit,
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset": reset,
    }
    assert read_quota({name: value for name, value in headers.items() if value}, NOW) == quota


@pytest.mark.parametrize("status", [100, 200, 204, 302, 400, 401, 408, 429, 500, 700])
def test_every_answer_carries_its_quota(status: int) -> None:
    headers = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}
    for body in (b"", b'{"message":"Done."}'):
        assert judged(status, body, headers).quota == Quota(50, 0, None)
        assert judged(status, body).quota is None


@given(*[st.text(st.characters(max_codepoint=255))] * 3)
def test_no_header_breaks_the_quota(limit: str, remaining: str, reset: str) -> None:
    headers = {
        "X-RateLimit-Limit": limit,
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset": reset,
    }
    quota = read_quota(headers, NOW) or Quota()
    assert quota.limit is None or quota.limit > 0
    assert quota.remaining is None or quota.remaining >= 0
    assert quota.reset_after is None or 0 <= quota.reset_after <= 86_400


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_no_header_breaks_the_pause(retry_after: str, reset: str) -> None:
    pause = requested_pause({"Retry-After": retry_after, "X-RateLimit-Reset": reset}, NOW)
    assert pause is None or 0 <= pause <= 86_400


@given(
    st.lists(
        st.sampled_from(
            ["Tue,", "14", "Nov", "2023", "99999", "22:14:20", "99:99:99", "GMT", "+9999", "-"]
        )
    )
)
def test_no_date_breaks_the_pause(words: list[str]) -> None:
    pause = requested_pause({"Retry-After": " ".join(words)}, NOW)
    assert pause is None or 0 <= pause <= 86_400


def test_text_is_one_printable_bounded_line() -> None:
    assert presentable(" a\r\n\tb\x00\x1b[31m\u202ec ", KEY) == "a b[31mc"
    assert presentable("x" * 200, KEY) == "x" * 200
    assert presentable("x" * 201, KEY) == "x" * 199 + "…"


@pytest.mark.parametrize("before", ["", "B", "Be", "Bearer "])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_a_key_in_base64_is_redacted(before: str, encode: object) -> None:
    assert callable(encode)
    encoded = encode(f"{before}{KEY} and more".encode()).decode()
    shown = presentable(f"the header {encoded} is wrong", KEY)
    assert "[API key]" in shown
    assert b64encode(b"canary")[1:-3].decode() not in shown


@pytest.mark.parametrize(
    "spelling",
    [KEY, KEY.upper(), quote(KEY, safe=""), quote(KEY, safe="").lower(), KEY.replace("/", "\x00/")],
)
def test_a_key_is_redacted_however_it_is_spelled(spelling: str) -> None:
    body = json.dumps({"message": f"The key {spelling} is wrong"}).encode()
    assert sentence(401, body) == "The endpoint answered 401: The key [API key] is wrong."


@pytest.mark.parametrize("status", [200, 302, 401, 429, 500, 700])
@pytest.mark.parametrize("spelling", [KEY, quote(KEY, safe=""), b64encode(KEY.encode()).decode()])
@pytest.mark.parametrize(
    "body",
    [
        '{"message":"KEY"}',
        '{"error":{"code":"AUTH_INVALID_API_KEY","message":"no KEY"}}',
        '{"error":{"code":"KEY"}}',
        '{"error":"KEY"}',
        '{"KEY":"KEY"}',
        "<html><title>KEY</title><h1>401 for KEY</h1></html>",
        "KEY",
    ],
)
def test_an_answer_of_any_form_reveals_no_key(status: int, spelling: str, body: str) -> None:
    said = sentence(status, body.replace("KEY", spelling).encode(), Location=f"/?{spelling}")
    assert str(status) in said or said.startswith("Delivered")
    assert spelling.rstrip("=")[:-2] not in said
    assert KEY not in said


def test_a_key_at_the_edge_of_what_is_kept_is_redacted_whole() -> None:
    assert "canary" not in presentable("x" * 190 + KEY, KEY)


@given(st.text(), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_text_can_be_redacted_of_any_key(text: str, key: str) -> None:
    assert len(presentable(text, key)) <= 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message":"Chatbot icon deleted successfully."}', "Removed: Chatbot icon deleted suc"),
        (b"<html>", "Removed (200), without the documented confirmation."),
    ],
)
def test_answer_to_a_removal_says_that_it_is_removed(body: bytes, said: str) -> None:
    receipt = judge(200, {}, body, url=URL, api_key=KEY, now=NOW, action=Action.REMOVE)
    assert receipt.message.startswith(said)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "bad_request"), (404, "chatbot_not_found"), (422, "rejected")]
)
def test_refused_removal_is_no_refused_image(status: int, code: str) -> None:
    with pytest.raises(DeliveryRefused) as caught:
        judge(status, {}, b"", url=URL, api_key=KEY, now=NOW, action=Action.REMOVE)
    assert caught.value.code == code
