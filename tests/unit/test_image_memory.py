"""The worst files there can be, each in a process of its own that has little memory."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.colour_cases import coded, curve, gamma, profile
from tests.containers import avif, heic
from tests.costly_images import flat_png, many_scans
from tests.icc import matrix_profile, table_profile, with_tag
from tests.images import BASELINE, JPEGS, chunk, encode

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 7000, 5700  # just below 40 megapixels
MB = 1_000_000

# Memory is counted from what the modules alone take; the limit is on addresses, of which threads'
# stacks and allocators reserve more than they use.
JUDGE = """
import json, resource, sys, time
from pathlib import Path
from facelift.fit import Fit
from worker.errors import ImageRejected
from worker.images.cost import cost_of
from worker.images.fit import fit
from worker.images.formats import parse, recognise
from worker.images.validate import ImageFormat, ImageLimits

def peak():
    (line,) = (l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l)
    return 1024 * int(line.split()[1])

data = Path(sys.argv[1]).read_bytes()
resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)
before, began = peak(), time.monotonic()
try:
    code, side = "ok", fit(data, ImageLimits(formats=frozenset(ImageFormat)), Fit(sys.argv[2])).side
except ImageRejected as rejected:
    code, side = rejected.code, 0
memory, seconds = peak() - before, time.monotonic() - began
expected = cost_of(parse(data, recognise(data)), len(data), Fit(sys.argv[2])).memory if side else 0
print(json.dumps({"code": code, "side": side, "memory": memory, "expected": expected,
                  "seconds": seconds}))
"""


def plain(mode: str, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    return Image.new(mode, (width, height), "teal" if mode != "P" else 1)


@cache  # and not at once: whoever collects the tests would pack it too
def profile_bomb() -> bytes:
    return chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(200 * MB)))


HUGE: dict[str, Callable[[], bytes]] = {
    "png": lambda: flat_png(WIDTH, HEIGHT, 6, 8, profile_bomb()),
    "png 16 bits": lambda: flat_png(WIDTH, HEIGHT, 0, 16),
    "png of one row": lambda: flat_png(39_999_999, 1, 6, 8),
    "png of one column": lambda: flat_png(1, 39_999_999, 6, 8),
    "jpeg": lambda: encode(plain("RGB"), "JPEG", progressive=True, subsampling=0),
    "jpeg of one pass": lambda: encode(plain("RGB"), "JPEG"),
    "jpeg CMYK": lambda: encode(plain("CMYK"), "JPEG", progressive=True, quality=30),
    "gif": lambda: encode(plain("P"), "GIF"),
    "webp": lambda: encode(plain("RGBA"), "WEBP", lossless=True, method=0),
}
SHORT = "jpeg of one pass"


def deep_heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = BytesIO()
    pixels = b"\x12\x34" * 4 * PHOTO[0] * PHOTO[1]
    pillow_heif.from_bytes("RGBA;16", PHOTO, pixels).save(stream, chroma=444)
    return stream.getvalue()


CONVERSIONS = {
    "no": (),
    "gamma": (gamma(100_000),),
    "PQ": (coded(9, 16),),
    "HLG": (coded(9, 18),),
    "profile": (profile(matrix_profile(curve(1.8))),),
}
PHOTO, PANORAMA, TOWER, DRAWING = (4000, 3000), (30_000, 1000), (1000, 30_000), (2048, 1024)
QUICK = (DRAWING, "HLG", 6, 16, "pad")
COLOURED = [
    QUICK,
    *((size, told, 2, 8, "pad") for size in (DRAWING, PHOTO) for told in CONVERSIONS),
    *((PHOTO, told, 6, 16, how) for told in CONVERSIONS for how in ("crop", "pad")),
    *((PHOTO, told, 0, 16, "crop") for told in ("no", "gamma", "PQ")),
    *((size, told, 6, 8, "pad") for size in (PANORAMA, TOWER) for told in ("no", "HLG", "profile")),
]
PROFILE = matrix_profile(curve(1.8))
HDR_PROFILE = with_tag(PROFILE, b"cicp", b"cicp\0\0\0\0\x09\x10\0\1")
INKS = table_profile(b"CMYK", lambda c, m, y, k: (100 - 90 * k, 70 * m - 40 * c, 80 * y))
OTHERS: dict[str, Callable[[], bytes]] = {
    "jpeg thin": lambda: encode(plain("RGB", 14_000, 2500), "JPEG", progressive=True),
    "jpeg profile": lambda: encode(plain("RGB", *PHOTO), "JPEG", icc_profile=PROFILE),
    "jpeg CMYK profile": lambda: encode(plain("CMYK", *PHOTO), "JPEG", icc_profile=INKS),
    "jpeg HDR": lambda: encode(plain("RGB", *PHOTO), "JPEG", icc_profile=HDR_PROFILE),
    "webp profile": lambda: encode(plain("RGBA", *PHOTO), "WEBP", icc_profile=PROFILE),
    "avif": lambda: avif(plain("RGBA", *PHOTO), speed=10),
    "heic": lambda: heic(plain("RGBA", *PHOTO)),
    "heic of tiles": lambda: heic(plain("RGB", *PHOTO), tile_size=512),
    "heic 10 bits": deep_heic,
    "png palette": lambda: encode(plain("P", *PHOTO), "PNG", transparency=b"\0\x80"),
}


@pytest.fixture
def judge(tmp_path: Path) -> Callable[[bytes, str], dict[str, Any]]:
    """Judge an image in a process of its own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")

    def run(data: bytes, how: str) -> dict[str, Any]:
        file = tmp_path / "image"
        file.write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-c", JUDGE, str(file), how],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


@pytest.mark.parametrize(
    "kind",
    [SHORT, *(pytest.param(kind, marks=pytest.mark.nightly) for kind in HUGE if kind != SHORT)],
)
def test_the_largest_images_take_no_more_memory_than_is_expected(
    kind: str, judge: Callable[[bytes, str], dict[str, Any]]
) -> None:
    answer = judge(HUGE[kind](), "pad")
    assert (answer["code"], answer["side"]) == ("ok", 2048)
    assert answer["memory"] < answer["expected"], answer


@pytest.mark.parametrize(
    ("size", "told", "kind", "depth", "how"),
    [
        QUICK,
        *(pytest.param(*case, marks=pytest.mark.nightly) for case in COLOURED if case != QUICK),
    ],
)
def test_converted_colours_take_no_more_memory_than_is_expected(  # noqa: PLR0917 - cases
    size: tuple[int, int],
    told: str,
    kind: int,
    depth: int,
    how: str,
    judge: Callable[[bytes, str], dict[str, Any]],
) -> None:
    answer = judge(flat_png(*size, kind, depth, *CONVERSIONS[told]), how)
    assert answer["code"] == "ok"
    assert answer["memory"] < answer["expected"], answer


@pytest.mark.nightly
@pytest.mark.parametrize("how", ["crop", "pad"])
@pytest.mark.parametrize("kind", OTHERS)
def test_photos_of_every_kind_take_no_more_memory_than_is_expected(
    kind: str, how: str, judge: Callable[[bytes, str], dict[str, Any]]
) -> None:
    answer = judge(OTHERS[kind](), how)
    assert answer["code"] == "ok"
    assert answer["memory"] < answer["expected"], answer


def test_a_profile_is_not_unpacked_without_bounds(
    judge: Callable[[bytes, str], dict[str, Any]],
) -> None:
    answer = judge(flat_png(40, 32, 6, 8, profile_bomb()), "crop")
    assert answer["code"] == "ok"
    assert answer["memory"] < 30 * MB, answer


@pytest.mark.parametrize(
    ("make", "code", "most"),
    [
        (lambda: flat_png(30_000, 30_000, 0, 1), "image_too_many_pixels", 10),
        (lambda: flat_png(6300, 6300, 6, 8, profile_bomb()), "ok", 30),
        (lambda: many_scans(square=True), "ok", 10),
        (lambda: JPEGS["jpeg thumbnail"] + bytes(900_000) + BASELINE, "ok", 10),
        (lambda: BASELINE[:-2] + 14_000 * b"\xff\xda\0\2" + b"\xff\xd9", "image_not_an_image", 10),
        (
            lambda: b"\x89PNG\r\n\x1a\n" + 80_000 * chunk(b"tEXt", b""),
            "image_truncated",
            60,
        ),
    ],
    ids=["bomb", "profile bomb", "scans", "trailer", "empty scans", "empty chunks"],
)
def test_hostile_files_are_judged_in_bounded_memory_and_time(
    make: Callable[[], bytes],
    code: str,
    most: int,
    judge: Callable[[bytes, str], dict[str, Any]],
) -> None:
    answer = judge(make(), "strict")
    assert answer["code"] == code
    assert answer["memory"] < most * MB, answer
    assert answer["seconds"] < 30, answer  # 3 s where nothing else runs
