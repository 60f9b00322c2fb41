"""Damaged and hostile files: refused or taken, but no other end, in bounded time and memory.

`FUZZ_EXAMPLES=100000 pytest tests/unit/test_image_fuzz.py --timeout=0` looks longer.
"""

from __future__ import annotations

import os
import resource
from datetime import timedelta
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from facelift.codes import OutcomeCode
from facelift.fit import Fit
from tests.containers import CONTAINERS
from tests.images import (
    ANCILLARY,
    ANIMATED,
    PACKED,
    WHOLE,
    chunk,
    draw,
    encode,
    exif,
    png,
    png_suite,
    reseal,
)
from worker.errors import ImageRejected
from worker.images.fit import fit
from worker.images.formats import FIT_ONLY, ImageFormat, parse
from worker.images.validate import ImageLimits, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    # Tracing doubles what they take, and each line that they reach has a test that says why.
    pytest.mark.no_cover,
]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
# Few pixels, so that a flipped bit in a size makes no example slow.
LIMITS = ImageLimits(pixel_limit=1_000_000, formats=frozenset(ImageFormat))
STRICT_LIMITS = ImageLimits(pixel_limit=1_000_000)
MOST_MEMORY = 300_000_000  # bytes
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

SAMPLES = [
    *WHOLE.values(),
    *ANIMATED.values(),
    *png_suite(16, 12).values(),
    *(png(PACKED, before=chunk(kind.encode(), body)) for kind, body in ANCILLARY.items()),
    *(encode(draw(40, 30), name, exif=exif(6)) for name in ("PNG", "JPEG", "WEBP")),
    *(make() for name, make in CONTAINERS.items() if find_spec("pillow_heif") or "avif" in name),
]


@pytest.fixture(scope="module", autouse=True)
def memory() -> Iterator[None]:
    """All of this together takes little memory more than there was before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < MOST_MEMORY


def flip(draw_from: st.DrawFn, data: bytearray) -> None:
    """Flip a few bits, mostly in headers; the signature is not worth it."""
    for _ in range(draw_from(st.integers(1, 3))):
        last = min(len(data), draw_from(st.sampled_from([64, 700, len(data)]))) - 1
        at = draw_from(st.integers(min(12, last), last))
        data[at] ^= 1 << draw_from(st.integers(0, 7))


def cut(draw_from: st.DrawFn, data: bytearray) -> None:
    """Take a piece out."""
    at = draw_from(st.integers(0, len(data) - 1))
    del data[at : at + draw_from(st.integers(1, 2000))]


def splice(draw_from: st.DrawFn, data: bytearray) -> None:
    """Go on as another image, from somewhere in it."""
    other = draw_from(st.sampled_from(SAMPLES))
    at, start = draw_from(st.integers(0, len(data))), draw_from(st.integers(0, len(other)))
    data[at:] = other[start:]


def overwrite(draw_from: st.DrawFn, data: bytearray) -> None:
    """Put anything in the place of some bytes."""
    at = draw_from(st.integers(0, len(data) - 1))
    data[at : at + draw_from(st.integers(0, 12))] = draw_from(
        st.one_of(st.binary(max_size=12), st.sampled_from([b"\xff" * 4, bytes(4), b"\xff\xd9"]))
    )


def swap(draw_from: st.DrawFn, data: bytearray) -> None:
    """Exchange, double or drop parts of the file: a PNG's chunks, a JPEG's segments."""
    mark = b"\xff" if data[:1] == b"\xff" else bytes(3)
    parts = [mark + part for part in bytes(data).split(mark)]
    one, two = (draw_from(st.integers(0, len(parts) - 1)) for _ in range(2))
    parts[one], parts[two] = draw_from(
        st.sampled_from([(parts[two], parts[one]), (parts[one], parts[one]), (parts[one], b"")])
    )
    data[:] = b"".join(parts)[len(mark) :]


@st.composite
def mutations(draw_from: st.DrawFn) -> bytes:
    data = bytearray(draw_from(st.sampled_from(SAMPLES)))
    ways = st.sampled_from([flip, flip, cut, splice, overwrite, swap])
    for way in draw_from(st.lists(ways, min_size=1, max_size=2)):
        if data:
            way(draw_from, data)
    if data.startswith(b"\x89PNG") and draw_from(st.booleans()):
        return reseal(bytes(data))
    return bytes(data)


hostile = st.integers(0, 19).flatmap(lambda die: mutations() if die else st.binary(max_size=200))


@fuzzed
@given(hostile)
@example(b"\xff\xd8\xff")
@example(b"\x89PNG\r\n\x1a\n")
@example(b"GIF89a")
@example(b"RIFF\0\0\0\0WEBP")
def test_hostile_data_are_refused_and_what_passes_can_be_shown(data: bytes) -> None:
    try:
        valid = validate(data, LIMITS)
    except ImageRejected as rejected:
        event(rejected.code)
        return
    event("passed")
    if valid.format in {ImageFormat.PNG, ImageFormat.JPEG}:  # others were decoded in full
        # Without metadata, over which Pillow breaks down where others only skip them.
        with Image.open(
            BytesIO(b"".join(parse(data, valid.format).drawn)), formats=[valid.format]
        ) as opened:
            opened.load()
            assert opened.size == (valid.side, valid.side)


@fuzzed
@given(hostile, st.sampled_from([Fit.CROP, Fit.PAD]))
def test_hostile_data_are_refused_or_fitted_into_what_passes(data: bytes, how: Fit) -> None:
    try:
        made = fit(data, STRICT_LIMITS, how)
    except ImageRejected as rejected:
        event(rejected.code)
        return
    event("fitted" if made.fitted else "passed")
    assert validate(made.data, STRICT_LIMITS).side == made.side


FORMATS = st.sets(st.sampled_from(sorted(set(ImageFormat) - FIT_ONLY)), min_size=1)


@fuzzed
@given(
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]),
    image_format=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]),
    noisy=st.booleans(),
    orientation=st.integers(0, 9),
    allowed=FORMATS,
    byte_limit=st.sampled_from([1_000_000, 20_000, 5_000, 1_500, 400, 1]),
    pixel_limit=st.sampled_from([40_000_000, 20_000, 5_000, 1]),
    how=st.sampled_from([Fit.CROP, Fit.PAD]),
)
def test_whatever_fit_returns_can_be_sent(  # noqa: PLR0917 - Hypothesis gives them by name
    size: tuple[int, int],
    mode: str,
    image_format: str,
    noisy: bool,  # noqa: FBT001 - the same
    orientation: int,
    allowed: set[ImageFormat],
    byte_limit: int,
    pixel_limit: int,
    how: Fit,
) -> None:
    image = (draw if noisy else lambda *size: Image.new("RGB", size, "teal"))(*size)
    image = image.convert(mode)
    if image_format == "JPEG" and mode not in {"1", "L", "RGB", "CMYK"}:
        image = image.convert("RGB")
    if mode == "CMYK" and image_format != "JPEG":
        image = image.convert("I;16" if image_format == "PNG" else "RGB")
    metadata = {} if image_format == "GIF" else {"exif": exif(orientation)}
    data = encode(image, image_format, **metadata)
    limits = ImageLimits(byte_limit=byte_limit, pixel_limit=pixel_limit, formats=frozenset(allowed))
    made = rejection = None
    try:
        made = fit(data, limits, how)
    except ImageRejected as rejected:
        rejection = rejected.code
    event(rejection or f"{made and (made.fitted and made.format)}")
    if made is None:
        assert rejection in {OutcomeCode.IMAGE_TOO_LARGE, OutcomeCode.IMAGE_TOO_MANY_PIXELS}
        return
    assert made.side <= (min if how is Fit.CROP else max)(size)
    assert validate(made.data, limits).side == made.side
    if not made.fitted:
        assert made.data == data
