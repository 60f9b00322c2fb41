"""JPEG, by its specification (https://www.w3.org/Graphics/JPEG/itu-t81.pdf).

Coded data have no checksum, and a decoder accepts whatever it finds in them: it warns, and fills
up with grey. So the segments alone decide what a decoder refuses. The coded data, nearly all of a
file and of the time to decode it, prove nothing but that they are there to their end, and the size
decides nothing but how much memory decoding takes.
"""

import re
from collections.abc import Iterator
from operator import itemgetter
from struct import unpack_from

from worker.images.formats.layout import Layout, bounded, broken, cut_off
from worker.images.formats.signature import ImageFormat

# Every marker but fill bytes (FF), stuffed bytes (00) and TEM (01).
_MARKER = re.compile(rb"\xff([\x02-\xfe])")
_RESTARTS = range(0xD0, 0xD8)
END, JFIF, EXIF, PROFILE, ADOBE, COMMENT = 0xD9, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
APPLICATIONS = range(0xE0, 0xF0)
IS_EXIF, IS_PROFILE = b"Exif\0\0", b"ICC_PROFILE\0"
_START, _SCAN, _INTERVAL = 0xD8, 0xDA, 0xDD
_BLOCK = 8
_RESERVED = range(0x02, 0xC0)
_ONE_PIXEL = bytes([0, 1, 0, 1])
_FRAMES = {0xDE, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SHOWN = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive; not lossless, not arithmetic
_DEPTH = 8
_METADATA = {COMMENT, *APPLICATIONS} - {JFIF, ADOBE}  # but JFIF's and Adobe's: they set the colours
_MOST_SCANS = 100  # a progressive JPEG has about ten; each is a pass over all its pixels


def parse_jpeg(data: bytes) -> Layout:
    """Follow the segments to the end of the first image, past the thumbnail in its metadata."""
    end = bytes([0xFF, END])
    drawn: list[bytes | memoryview] = [data[:2]]
    proof = [data[:2]]
    sizes: list[tuple[int, int]] = []
    exif = b""
    profile: dict[bytes, memoryview] = {}
    scans = samples = interval = 0
    frame = memoryview(b"")
    is_shown = False
    for code, segment, pieces in bounded(segments(data)):
        if code in _FRAMES:
            depth, height, width = unpack_from(">BHH", segment, 4)
            is_shown = code in _SHOWN and depth == _DEPTH
            sizes.append((width, height))
            samples = _samples(width * height, segment)
            frame = segment
        elif code == _SCAN:
            scans += 1
            _check_restarts(frame, segment, interval, pieces)
        elif code == _INTERVAL:
            (interval,) = unpack_from(">H", segment, 4)
        elif code == EXIF and segment[4:10] == IS_EXIF:
            exif = exif or bytes(segment[10:])
        elif code == PROFILE and segment[4:16] == IS_PROFILE:
            profile[bytes(segment[16:17])] = segment[18:]  # by its number: maybe out of order
        if code not in _METADATA:
            drawn.append(segment)
            proof.append(_without_pixels(code, segment))
    if len(sizes) != 1 or not 0 < scans <= _MOST_SCANS:
        raise broken(f"it has {len(sizes)} frames and {scans} scans")
    if not is_shown:
        raise broken("not every browser shows a JPEG that is lossless, arithmetic or of 12 bits")
    return Layout(
        ImageFormat.JPEG,
        sizes[0],
        [*drawn, end],
        b"".join([*proof, end]),
        exif=exif,
        profile=b"".join(part for _, part in sorted(profile.items(), key=itemgetter(0))),
        passes=scans,
        samples=samples,
    )


def _without_pixels(code: int, segment: memoryview) -> bytes:
    """Cut the coded data off a scan, and make a frame one pixel large."""
    if code in _FRAMES:
        return b"".join((segment[:5], _ONE_PIXEL, segment[9:]))
    return bytes(segment[: _length(segment)])


def _samples(pixels: int, frame: memoryview) -> int:
    """How many samples the components have together; some have fewer than there are pixels."""
    factors = [(each >> 4) * (each & 15) for each in bytes(frame[11::3][: frame[9]])]
    return pixels * sum(factors) // max(factors, default=1) if all(factors) else 4 * pixels


def _check_restarts(frame: memoryview, scan: memoryview, interval: int, pieces: int) -> None:
    """Refuse a scan with too few or too many pieces, of which browsers show others elsewhere."""
    if (interval or pieces > 1) and pieces != _pieces(frame, scan, interval):
        raise cut_off("its restart markers are not where they should be")


def _pieces(frame: memoryview, scan: memoryview, interval: int) -> int:
    """How many pieces a scan must have: one for each interval; 0 if its header makes no sense."""
    if not interval or not frame or not frame[9]:
        return 1
    height, width = unpack_from(">HH", frame, 5)
    factors = {
        frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15)
        for at in range(10, 10 + 3 * frame[9], 3)
    }
    across, down = (max(each) for each in zip(*factors.values(), strict=True))
    own = factors.get(scan[5], (0, 0)) if scan[4] == 1 else (1, 1)  # else in units of all of them
    if not across or not down:
        return 0
    if scan[4] == 1:
        width, height = _ceil(width * own[0], across), _ceil(height * own[1], down)
        across = down = 1
    units = _ceil(width, _BLOCK * across) * _ceil(height, _BLOCK * down)
    return _ceil(units, interval)


def segments(data: bytes) -> Iterator[tuple[int, memoryview, int]]:
    """Every segment with the marker it begins with; a scan's with the coded data that follow.

    The number is that of the pieces which restart markers cut the coded data into; those behind
    the last piece, which browsers pass over, do not count.
    """
    view = memoryview(data)
    marker, _ = _next(data, 2)
    while marker and (code := marker[1][0]) != END:
        if code == _START:
            raise cut_off("another image begins before it ends")
        start = marker.start()
        end = start + _length(data, start)
        marker, pieces = _next(data, end)
        yield code, view[start : marker.start() if marker and code == _SCAN else end], pieces
    if not marker:
        raise cut_off("its end is missing")


def _next(data: bytes, start: int) -> tuple[re.Match[bytes] | None, int]:
    """The next marker that is no restart, and into how many pieces restarts cut what is before."""
    marker = _MARKER.search(data, start)
    if not marker or marker[1][0] not in _RESTARTS:  # nearly always
        return _with_meaning(marker), int(marker is not None and marker.start() > start)
    pieces, at = 0, start
    for number, marker in enumerate(bounded(_MARKER.finditer(data, start)), 1):
        if marker.start() > at:
            pieces = number
        if marker[1][0] not in _RESTARTS:
            return _with_meaning(marker), pieces
        at = marker.end()
    return None, pieces


def _with_meaning(marker: re.Match[bytes] | None) -> re.Match[bytes] | None:
    if marker and (code := marker[1][0]) in _RESERVED:  # a decoder may skip it or not
        raise broken(f"its marker {code:02X} has no meaning")
    return marker


def _length(data: bytes | memoryview, start: int = 0) -> int:
    """The length of the segment that begins there: with its marker, without coded data."""
    length: int = unpack_from(">H", data, start + 2)[0]
    return 2 + length


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
