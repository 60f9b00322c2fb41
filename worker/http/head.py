"""Reads the head of an answer, past interim answers and header lines that are none.

http.client gives up at the 100th header line, stops at one without a colon, and takes every
interim answer but 100 for the final one. What a server adds to its answers must not turn an
upload that it confirmed into a failure, so the head is put in order before http.client sees it.
"""

import io
import re
from collections.abc import Iterable
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO, NamedTuple

from worker.http.exchange import current_exchange

_HEAD = 1 << 18  # bytes that are read, those of interim answers included
_LINE = 1 << 15  # bytes of the longest field that is kept
_FIELDS = 90  # of the 99 that http.client takes

_STATUS = re.compile(rb"HTTP/\S+[ \t]+([0-9]{3})(?![0-9])")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,4000}")
_FRAMING = {b"content-length", b"transfer-encoding"}
_NEEDED = (b"connection", b"content-", b"location", b"retry-after", b"x-r")
"""How the names of fields begin that are kept if there are too many."""


class Head(NamedTuple):
    """The head of a final answer.

    Attributes:
        data: as http.client reads it.
        is_framed: whether it says where the body ends; if not, `data` says that there is none.
    """

    data: bytes
    is_framed: bool


class OrderedResponse(HTTPResponse):
    """http.client's response, with a head put in order."""

    def begin(self, **kwargs: object) -> None:
        """Read the head of the final answer.

        Raises:
            HTTPException: it is none, or there is none after an interim answer.
        """
        wire = self.fp
        head = read_head(wire)
        current_exchange().is_framed = head.is_framed
        self.fp = io.BufferedReader(io.BytesIO(head.data))
        try:
            super().begin(**kwargs)
        finally:
            self.fp = wire


def read_head(wire: BinaryIO) -> Head:
    """The head of the first answer in `wire` that is no interim one.

    Raises:
        HTTPException: there are interim answers only.
    """
    left = _HEAD
    is_first = True
    while True:
        line = wire.readline(left)
        status = _STATUS.match(line)
        if status is None:
            if is_first:
                return Head(line, is_framed=True)  # for http.client to refuse
            raise HTTPException("no answer after an interim one")
        left -= len(line)
        fields: list[bytes] = []
        is_whole = False
        while left > 0 and (field := wire.readline(left)):
            left -= len(field)
            if field in {b"\r\n", b"\n"}:
                is_whole = True
                break
            fields.append(field)
        if not status[1].startswith(b"1"):
            return _put_in_order(line, fields, is_whole=is_whole)
        if not is_whole:
            raise HTTPException("no answer after an interim one")
        is_first = False


def _put_in_order(status: bytes, lines: Iterable[bytes], *, is_whole: bool) -> Head:
    fields = list(_read_fields(lines))
    framing = _framing([each for each in fields if each[0] in _FRAMING]) if is_whole else None
    kept = [each for each in fields if each[0] not in _FRAMING and len(each[1]) <= _LINE]
    if len(kept) > _FIELDS:
        kept.sort(key=lambda each: not each[0].startswith(_NEEDED))
    if framing is None:
        kept = [each for each in kept if each[0] != b"connection"]
        ends = [(b"content-length", b"0"), (b"connection", b"close")]
    else:
        ends = framing
    data = [status, *(b"%s: %s\r\n" % each for each in ends + kept[:_FIELDS]), b"\r\n"]
    return Head(b"".join(data), is_framed=framing is not None)


def _read_fields(lines: Iterable[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Names in lower case and values, without what is no field; folded lines are one."""
    name, value = b"", b""
    for line in lines:
        if line[:1] in {b" ", b"\t"}:
            value += line
            continue
        if name:
            yield name, _CONTROL.sub(b" ", value).strip()
        start, colon, value = line.partition(b":")
        start = start.strip()
        name = start.lower() if colon and _TOKEN.fullmatch(start) else b""
    if name:
        yield name, _CONTROL.sub(b" ", value).strip()


def _framing(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]] | None:
    """The one field that says where the body ends, if any; None if they contradict each other."""
    given: dict[bytes, set[bytes]] = {name: set() for name in _FRAMING}
    for name, value in fields:
        given[name] |= {each.strip().lower() for each in value.split(b",")}
    codings = given[b"transfer-encoding"] - {b"", b"identity"}
    lengths = given[b"content-length"]
    if codings:
        return [(b"transfer-encoding", b"chunked")] if codings == {b"chunked"} else None
    if not lengths:
        return []
    length = lengths.pop()
    return None if lengths or not _LENGTH.fullmatch(length) else [(b"content-length", length)]
