"""The head of an answer is put in order before http.client reads it."""

from __future__ import annotations

import io
from http.client import HTTPException

import pytest

from worker.http.head import Head, read_head

OK = b"HTTP/1.1 200 OK\r\n"


def head(data: bytes) -> Head:
    return read_head(io.BytesIO(data))


def fields(data: bytes) -> list[bytes]:
    found = head(data)
    assert found.is_framed
    return found.data.split(b"\r\n")[1:-2]


def test_every_interim_answer_is_read_over() -> None:
    interim = b"".join(
        b"HTTP/1.1 %d X\r\nLink: </a>\r\nno colon\r\n\r\n" % status for status in range(100, 200)
    )
    assert head(interim + OK + b"A: b\r\n\r\nbody").data == OK + b"a: b\r\n\r\n"


def test_what_follows_the_head_is_left_in_the_wire() -> None:
    wire = io.BytesIO(b"HTTP/1.1 103 X\r\n\r\n" + OK + b"\r\nbody")
    read_head(wire)
    assert wire.read() == b"body"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 X\r\n\r\n",
        b"HTTP/1.1 103 X\r\nA: b\r\n",
        b"HTTP/1.1 102 X\r\n\r\nno answer\r\n\r\n",
        b"HTTP/1.1 100 X\r\n\r\n" * 20_000 + OK + b"\r\n",
    ],
)
def test_interim_answers_alone_are_no_answer_and_bounded(answer: bytes) -> None:
    with pytest.raises(HTTPException):
        head(answer)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (b"A: b\r\nno colon\r\nC: d\r\n", [b"a: b", b"c: d"]),
        (b"A: b\r\n: c\r\nC: d\r\n", [b"a: b", b"c: d"]),
        (b"bad name: b\r\nC: d\r\n", [b"c: d"]),
        (b"From somebody\r\nC: d\r\n", [b"c: d"]),
        (b"no colon\r\n folded: x\r\nC: d\r\n", [b"c: d"]),
        (b"A : b\r\n", [b"a: b"]),
        (b"A: b\r\n c\r\n\td\r\n", [b"a: b c d"]),
        (b"A:b\n", [b"a: b"]),
        (b"A: b\rB: c\r\n", [b"a: b B: c"]),
        (b"A: b\x00c\r\n", [b"a: b c"]),
        (b"A: \xe9\r\n", [b"a: \xe9"]),
        (b"Transfer-Encoding: Chunked \r\n", [b"transfer-encoding: chunked"]),
        (b"Transfer-Encoding: identity\r\nA: b\r\n", [b"a: b"]),
        (
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            [b"transfer-encoding: chunked"],
        ),
        (b"Content-Length: 5\r\nContent-Length: 5\r\n", [b"content-length: 5"]),
        (b"Content-Length: 5, 5\r\n", [b"content-length: 5"]),
        (b"A: b\r\nX: " + b"y" * 100_000 + b"\r\n", [b"a: b"]),
    ],
)
def test_lines_that_are_no_fields_are_left_out(lines: bytes, kept: list[bytes]) -> None:
    assert [b" ".join(line.split()) for line in fields(OK + lines + b"\r\n")] == kept


def test_of_too_many_fields_those_that_matter_are_kept() -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(1_000))
    needed = b"Retry-After: 5\r\nX-RateLimit-Limit: 9\r\nContent-Encoding: gzip\r\n"
    found = fields(OK + many + b"Content-Length: 2\r\n" + needed + b"\r\n")
    assert found[0] == b"content-length: 2"
    assert set(found) >= set(needed.lower().split(b"\r\n")) - {b""}
    assert len(found) < 100


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Length: 5, 6\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: five\r\n\r\n",
        b"Content-Length: +5\r\n\r\n",
        b"Content-Length: 5 6\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"A: b\r\n",
        b"A: b\r\nContent-Le",
        b"A: " + b"y" * 300_000,
        b"X: y\r\n" * 60_000 + b"\r\n",
    ],
)
def test_a_head_that_does_not_say_where_the_body_ends_gives_none(lines: bytes) -> None:
    found = head(OK + b"Connection: keep-alive\r\n" + lines)
    assert not found.is_framed
    assert found.data.startswith(OK + b"content-length: 0\r\nconnection: close\r\n")
    assert b"keep-alive" not in found.data


@pytest.mark.parametrize("line", [b"hello\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 OK\r\n"])
def test_what_is_no_http_is_left_to_http_client_at_its_first_line(line: bytes) -> None:
    assert head(line + b"A: b\r\n") == Head(line, is_framed=True)
