"""Reads the lines of a file as spreadsheets and programs write them.

Lines end with LF, CR LF or CR. Text is UTF-8, or what a byte order mark says. One line is held in
memory at a time.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

LONGEST_LINE = 65_536
"""Bytes of a line that are kept; one of this length or more is too long."""

# The longer marks first: that of UTF-16 begins that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers, in UTF-8, without a mark.

    Of a line that is too long, only the beginning is yielded.
    """
    for number, raw in enumerate(_split(_utf8(stream)), start=1):
        if raw.strip():
            yield number, raw


def _utf8(stream: BinaryIO) -> Iterator[bytes]:
    """The file in pieces, as UTF-8 if it has a byte order mark; what is invalid becomes U+FFFD."""
    first = stream.readline(LONGEST_LINE)
    found = (each for each in _MARKS if first.startswith(each[0]))
    mark, encoding = next(found, (b"", "utf-8"))
    first = first.removeprefix(mark)
    if encoding == "utf-8":  # an invalid line is reported as such
        yield first
        while piece := stream.readline(LONGEST_LINE):
            yield piece
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first).encode()
    while piece := stream.readline(LONGEST_LINE):
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for piece in pieces:
        lines = (held + piece).splitlines(keepends=True)
        # What ends with CR may go on with LF.
        held = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
        if not held.endswith(b"\r"):
            held = held[:LONGEST_LINE]
        yield from (line[:LONGEST_LINE] for line in lines)
    if held:
        yield held[:LONGEST_LINE]
