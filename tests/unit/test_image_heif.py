"""HEIC and AVIF: fitted, never sent; judged by their container before anything is decoded."""

from __future__ import annotations

from io import BytesIO
from struct import pack
from time import process_time
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops

from facelift.codes import OutcomeCode
from facelift.fit import Fit
from tests.containers import (
    CONTAINERS,
    ORIENTED,
    WIDE,
    avif,
    box,
    container,
    heic,
    patched,
    size,
    told_size,
)
from tests.images import draw, exif
from worker.errors import ImageRejected
from worker.images.fit import fit
from worker.images.formats import ImageFormat, parse, recognise
from worker.images.openers import what_is_missing
from worker.images.validate import ImageLimits, parse_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMITS = ImageLimits()
EVERY = ImageLimits(formats=frozenset(ImageFormat))
NOWHERE = bytes(4) + b"\0\0\0\0"  # `iloc` of no item
MAKERS: list[Callable[..., bytes]] = [avif, heic]


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("worker.images.openers.find_spec", lambda _: None)
    what_is_missing.cache_clear()
    yield
    what_is_missing.cache_clear()


def fitted(data: bytes, how: Fit = Fit.PAD) -> Image.Image:
    with Image.open(BytesIO(fit(data, LIMITS, how).data)) as made:
        return made.convert("RGBA")


def is_like(made: Image.Image, image: Image.Image, most: float = 6) -> bool:
    values = ImageChops.difference(made.convert("RGB"), image.convert("RGB")).tobytes()
    return made.size == image.size and sum(values) / len(values) < most


def refusal(data: bytes, how: Fit = Fit.CROP, limits: ImageLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        fit(data, limits, how)
    return caught.value


def square(image: Image.Image) -> Image.Image:
    made = Image.new("RGB", (max(image.size),) * 2, "white")
    made.paste(image, tuple((made.width - side) // 2 for side in image.size))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_kind_is_fitted_to_a_png(name: str) -> None:
    made = fit(CONTAINERS[name](), LIMITS, Fit.CROP)
    label = name.split(maxsplit=1)[0].upper()
    assert made.format is ImageFormat.PNG
    assert f"{label} \N{RIGHTWARDS ARROW} PNG" in made.fitted
    assert ("first frame only" in made.fitted) == ("moving" in name)


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_fitted_looks_like_the_file(make: Callable[..., bytes]) -> None:
    assert is_like(fitted(make(WIDE)), square(WIDE))


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_transparent_stays_so(make: Callable[..., bytes]) -> None:
    image = draw(40, 40).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    alpha = fitted(make(image)).getchannel("A")
    assert [alpha.getpixel((x, 20)) for x in (3, 36)] == [0, 255]


@pytest.mark.parametrize("how", ["avif", "heic"])
@pytest.mark.parametrize("turned", ORIENTED)
def test_it_is_turned_as_its_container_says(turned: int, how: str) -> None:
    data = avif(exif=exif(turned)) if how == "avif" else heic(orientation=turned)
    upright = WIDE.transpose(_TURNS[turned])
    assert parse(data, ImageFormat(how)).size == upright.size
    assert is_like(fitted(data), square(upright))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("limits", [LIMITS, EVERY], ids=["usual", "all formats"])
def test_none_is_sent_as_it_is(name: str, limits: ImageLimits) -> None:
    rejected = refusal(CONTAINERS[name](), Fit.STRICT, limits)
    assert rejected.code is OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED
    assert f"is {name.split(maxsplit=1)[0].upper()}; it must be" in rejected.sentence
    assert "HEIC or" not in rejected.sentence


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize(
    ("make", "remedy"),
    [(heic, "the extra facelift-worker[heif]"), (avif, "a Pillow that reads AVIF")],
)
def test_without_a_decoder_the_outcome_says_what_to_install(
    make: Callable[..., bytes], remedy: str
) -> None:
    rejected = refusal(make(WIDE))
    assert rejected.code is OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED
    assert f"to fit it, this worker needs {remedy}" in rejected.sentence


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (box(b"ftyp", b"heix", bytes(4)), ImageFormat.HEIC),
        (box(b"ftyp", b"mif1", bytes(4), b"mif1heic"), ImageFormat.HEIC),
        (box(b"ftyp", b"mif1", bytes(4), b"miafavif"), ImageFormat.AVIF),
        (box(b"ftyp", b"avis", bytes(4), b"heic"), ImageFormat.AVIF),
        (box(b"ftyp", b"isom", bytes(4), b"mp41"), None),
        (box(b"ftyp", b"mif1", bytes(4)) + b"heicavif", "HEIF"),
    ],
)
def test_the_kind_is_told_by_the_brands(head: bytes, found: ImageFormat | str | None) -> None:
    assert recognise(head) == found


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_file_that_is_cut_anywhere_is_refused(name: str) -> None:
    data = CONTAINERS[name]()
    codes = {refusal(data[:end]).code for end in range(40, len(data) - 1, max(1, len(data) // 40))}
    assert codes <= {OutcomeCode.IMAGE_TRUNCATED, OutcomeCode.IMAGE_NOT_AN_IMAGE}
    if "moving" not in name:  # whose last bytes are of another frame
        assert refusal(data[:-5]).code is OutcomeCode.IMAGE_TRUNCATED


@pytest.mark.parametrize("make", MAKERS)
def test_a_bomb_is_refused_by_what_its_container_says(make: Callable[..., bytes]) -> None:
    data = patched(make(WIDE), b"ispe", 8, pack(">II", 30_000, 30_000))
    with pytest.raises(ImageRejected) as caught:
        parse_within(data, LIMITS.before_fitting)
    assert caught.value.code is OutcomeCode.IMAGE_TOO_MANY_PIXELS


@pytest.mark.parametrize("make", MAKERS)
def test_no_more_pixels_come_out_than_the_container_says(make: Callable[..., bytes]) -> None:
    data = make(draw(400, 300))
    assert told_size(data) == (400, 300)
    lying = patched(data, b"ispe", 8, pack(">II", 40, 30))
    try:
        assert fit(lying, LIMITS, Fit.PAD).side <= 40
    except ImageRejected as rejected:
        assert rejected.code is OutcomeCode.IMAGE_NOT_AN_IMAGE  # noqa: PT017 - either is right


def test_the_largest_part_counts_for_the_memory_that_is_expected() -> None:
    data = container(NOWHERE, size(40, 30), size(9000, 4000))
    assert parse(data, ImageFormat.AVIF).samples == 36_000_000


@pytest.mark.parametrize(
    "data",
    [
        container(NOWHERE),
        container(NOWHERE, size(0, 30)),
        container(bytes(4) + b"\0\0\xff\xff" + b"\0\1\0\0\xff\xff" * 60_000, size(9, 9)),
        container(b"\2\0\0\0\0\0\xff\xff\xff\xff", size(9, 9)),
        container(NOWHERE, size(9, 9), deep=box(b"junk") * 200_000),
        container(NOWHERE, *[box(b"free")] * 200, size(9, 9)) + box(b"moov") * 200_000,
        box(b"ftyp", b"heic", bytes(4)) + box(b"meta", bytes(4), pack(">I4s", 0, b"iprp")),
        box(b"ftyp", b"heic", bytes(4)) + pack(">I4sQ", 1, b"meta", 1 << 63),
        box(b"ftyp", b"heic", bytes(4)) + pack(">I4s", 3, b"meta"),
        box(b"ftyp", b"heic", bytes(4)) + box(b"meta"),
    ],
    ids=[
        "no size",
        "no pixels",
        "pieces of nothing",
        "four billion items",
        "many parts",
        "many parts behind",
        "a part to the end",
        "an enormous part",
        "a part too short",
        "nothing",
    ],
)
def test_hostile_containers_are_refused_at_once(data: bytes) -> None:
    began = process_time()
    found = recognise(data)
    assert isinstance(found, ImageFormat)
    with pytest.raises(ImageRejected):
        parse(data, found)
    assert process_time() - began < 3


def test_boxes_in_boxes_without_end_are_not_followed() -> None:
    deep = b""
    for _ in range(3000):
        deep = box(b"meta", bytes(4), deep)
    layout = parse(container(NOWHERE, size(9, 9), deep=deep), ImageFormat.AVIF)
    assert layout.stored_size == (9, 9)
