"""Responses that are none, or that give away what they should not."""

from __future__ import annotations

import logging
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from facelift.ledger.replies import Quota
from tests.integration.endpoint.wire import BODY, KEY, LARGE, always, answering, deliver, failure
from worker.errors import DeliveryFailed, DeliveryRefused, RateLimited

if TYPE_CHECKING:
    import socket

    from tests.integration.endpoint.wire import Connect, Serve, Server
    from worker.errors import Failure


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
def test_what_is_no_http_response_is_malformed(
    serve: Serve, connect: Connect, answer: bytes
) -> None:
    assert failure(connect(serve(answering(answer)).url)).code is OutcomeCode.MALFORMED_RESPONSE


CONFIRMED = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.mark.parametrize("status", [100, 101, 102, 103, 199])
@pytest.mark.parametrize("times", [1, 20])
def test_interim_answers_are_read_over(
    serve: Serve, connect: Connect, status: int, times: int
) -> None:
    interim = b"HTTP/1.1 %d Wait\r\nLink: </x>; rel=preload\r\n\r\n" % status
    server = serve(always(interim * times + b"HTTP/1.1 200 OK\r\n" + CONFIRMED))
    client = connect(server.url)
    for _ in range(3):
        assert deliver(client).confirmed
    assert (server.connections, len(server.heads)) == (1, 3)


def test_a_refusal_after_interim_answers_is_the_answer(serve: Serve, connect: Connect) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(DeliveryRefused) as caught:
        deliver(connect(serve(always(answer)).url))
    assert caught.value.code is OutcomeCode.CHATBOT_NOT_FOUND


@pytest.mark.parametrize(
    "lines",
    [
        b"X: y\r\n" * 99,
        b"X: y\r\n" * 100,
        b"".join(b"X-%d: y\r\n" % number for number in range(5_000)),
        b"X: " + b"y" * 70_000 + b"\r\n",
        b"no colon\r\n",
        b": no name\r\n",
        b"two words: y\r\n",
        b"X: y\r\n folded\r\n",
        b"X: \x00\r\n",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_odd_header_lines_are_no_failure_of_an_upload_that_was_confirmed(
    serve: Serve, connect: Connect, *, lines: bytes, is_first: bool
) -> None:
    rest, body = CONFIRMED.split(b"\r\n\r\n")
    fields = lines + rest + b"\r\n" if is_first else rest + b"\r\n" + lines
    server = serve(always(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body))
    client = connect(server.url)
    for _ in range(2):
        assert deliver(client).confirmed
    assert server.connections == 1


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Length: five\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"X: " + b"y" * 300_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_head_after_a_success_is_a_success_by_its_status(
    serve: Serve, connect: Connect, rest: bytes
) -> None:
    server = serve(always(b"HTTP/1.1 200 OK\r\n" + rest))
    client = connect(server.url)
    began = time.monotonic()
    for _ in range(2):
        assert not deliver(client).confirmed
    assert time.monotonic() - began < 2
    assert server.connections == 2


def test_a_pause_is_found_among_any_number_of_headers(serve: Serve, connect: Connect) -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(500))
    answer = b"HTTP/1.1 429 No\r\n" + many + b"no colon\r\nRetry-After: 7\r\n" + CONFIRMED
    with pytest.raises(RateLimited) as caught:
        deliver(connect(serve(always(answer)).url))
    assert caught.value.retry_after == 7


def test_a_chunked_body_is_read(serve: Serve, connect: Connect) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    server = serve(always(chunked % (len(BODY), BODY)))
    client = connect(server.url)
    assert deliver(client).confirmed
    assert deliver(client).confirmed
    assert server.connections == 1


@pytest.mark.parametrize("size", [b"-1", b"-ffff", b"ffffffffffffffffffff"])
def test_an_endless_chunk_is_bounded(serve: Serve, connect: Connect, size: bytes) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n" % size)
        while True:
            connection.sendall(bytes(65_536))

    client = connect(serve(talk).url)
    started = time.monotonic()
    with suppress(DeliveryFailed):
        assert not deliver(client).confirmed
    assert time.monotonic() - started < 4


def test_nothing_at_all_is_a_lost_connection(serve: Serve, connect: Connect) -> None:
    error = failure(connect(serve(answering(b"")).url))
    assert error.code is OutcomeCode.CONNECTION_LOST


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (302, DeliveryRefused, OutcomeCode.UNEXPECTED_REDIRECT),
        (401, DeliveryRefused, OutcomeCode.UNAUTHORIZED),
        (429, RateLimited, OutcomeCode.RATE_LIMITED),
        (503, DeliveryFailed, OutcomeCode.SERVER_ERROR),
    ],
)
@pytest.mark.parametrize(
    "body", [b"Content-Length: 99\r\n\r\ncut", b"Transfer-Encoding: chunked\r\n\r\nzz\r\nno"]
)
def test_a_refusal_cut_short_is_still_what_its_status_says(
    serve: Serve,
    connect: Connect,
    *,
    status: int,
    kind: type[Failure],
    code: OutcomeCode,
    body: bytes,
) -> None:
    answer = b"HTTP/1.1 %d X\r\nRetry-After: 7\r\nX-RateLimit-Limit: 50\r\n%s" % (status, body)
    server = serve(answering(answer))
    client = connect(server.url)
    for _ in range(2):
        with pytest.raises(kind) as caught:
            deliver(client)
        assert (caught.value.code, caught.value.http_status) == (code, status)
        assert caught.value.quota == Quota(limit=50)
        assert getattr(caught.value, "retry_after", 7) == 7
    assert server.connections == 2


def test_a_success_cut_short_is_a_lost_connection(serve: Serve, connect: Connect) -> None:
    server = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY))
    error = failure(connect(server.url))
    assert error.code is OutcomeCode.CONNECTION_LOST


def test_an_answer_before_the_whole_request_was_read_is_the_answer(
    serve: Serve, connect: Connect
) -> None:
    def talk(_: Server, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    client = connect(serve(talk).url)
    with pytest.raises(DeliveryRefused) as caught:
        deliver(client, LARGE)
    assert (caught.value.code, caught.value.http_status) == (OutcomeCode.IMAGE_REFUSED, 413)


def test_a_response_that_quotes_the_request_gives_the_key_away_nowhere(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    quoted = f"Authorization Bearer {KEY}".encode()
    answers = [
        quoted + b"\r\n\r\n",
        b"HTTP/1.1 500 No\r\n" + quoted + b"\r\n\r\n",
        b"HTTP/1.1 500 " + quoted + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + quoted + b"\r\n\r\n",
        b"HTTP/1.1 302 Go\r\nLocation: http://" + KEY.encode() + b"/\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 400 No\r\nConnection: close\r\n\r\n{"message": "%s"}' % quoted,
    ]
    for answer in answers:
        with pytest.raises((DeliveryFailed, DeliveryRefused)) as caught:
            deliver(connect(serve(answering(answer)).url))
        shown = "".join(traceback.format_exception(caught.value)) + caught.value.sentence
        assert "canary" not in shown
    assert "canary" not in caplog.text
