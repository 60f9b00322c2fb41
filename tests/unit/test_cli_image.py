"""`facelift check` and `facelift fit`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import ExifTags, Image

from facelift.cli.group import cli
from tests.images import ANIMATED, BASELINE, draw, encode, insert_segment
from worker.images.validate import ImageLimits, validate

if TYPE_CHECKING:
    from click.testing import Result

WIDE = encode(draw(40, 30), "PNG")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we are: a folder with some images."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("FACELIFT_"):
            monkeypatch.delenv(name)
    Path("good.png").write_bytes(BASELINE)
    Path("wide.png").write_bytes(WIDE)
    Path("notes.png").write_text("Remember the milk.\n", "utf-8")
    return tmp_path


def facelift(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


# check


def test_check_prints_a_table() -> None:
    result = facelift("check", "good.png", "wide.png", "notes.png", "gone.png")
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "IMAGE      FORMAT     PIXELS       SIZE       VERDICT",
        f"good.png   JPEG       48×48        {round(len(BASELINE) / 1000)} kB       ok",  # noqa: RUF001 - as written
        f"wide.png   PNG        40×30        {round(len(WIDE) / 1000)} kB       refused",  # noqa: RUF001 - the same
        "  image_not_square: The image is 40×30 pixels; it must be exactly square.",  # noqa: RUF001 - the same
        "notes.png  -          -            19 bytes   refused",
        "  image_not_an_image: The file is not an image, whatever its name says: its",
        "  content is of no known format.",
        "gone.png   -          -            -          refused",
        "  image_not_found: There is no such file.",
        "1 of 4 can be sent.",
    ]


def test_check_exits_with_0_if_all_can_be_sent() -> None:
    assert facelift("check", "good.png", "good.png").exit_code == 0


def test_check_shows_whether_and_how_an_image_would_be_fitted() -> None:
    result = facelift("check", "--fit", "crop", "good.png", "wide.png")
    assert result.exit_code == 0
    assert "VERDICT\ngood.png" in result.stdout
    assert "fitted\n  fitted: 40×30 → 30×30, " in result.stdout  # noqa: RUF001 - as written
    assert facelift("check", "--fit", "pad", "notes.png").exit_code == 3


def test_check_uses_the_workers_image_settings_and_needs_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACELIFT_IMAGE_BYTE_LIMIT", "100")
    monkeypatch.setenv("FACELIFT_IMAGE_FIT_BYTE_LIMIT", "200")
    assert "image_too_large" in facelift("check", "good.png").stdout
    assert "must have fewer than 200." in facelift("check", "good.png", "--fit", "crop").stdout
    monkeypatch.setenv("FACELIFT_IMAGE_BYTE_LIMIT", "small")
    result = facelift("check", "good.png")
    assert result.exit_code == 2
    assert result.stderr.startswith("facelift: FACELIFT_IMAGE_BYTE_LIMIT must be a whole number")


def test_icon_is_judged_by_limits_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    icon = ("check", "good.png", "--asset", "icon")
    assert facelift(*icon).exit_code == 0
    monkeypatch.setenv("FACELIFT_ICON_BYTE_LIMIT", "50")
    assert facelift("check", "good.png").exit_code == 0
    assert "must have fewer than 50." in facelift(*icon).stdout
    monkeypatch.setenv("FACELIFT_ICON_BYTE_LIMIT", "1000000")
    monkeypatch.setenv("FACELIFT_ICON_FORMATS", "webp")
    assert "image_format_not_allowed" in facelift(*icon).stdout
    monkeypatch.setenv("FACELIFT_ICON_FORMATS", "png,jpeg")
    monkeypatch.setenv("FACELIFT_ICON_PIXEL_LIMIT", "3")
    assert "image_too_many_pixels" in facelift(*icon).stdout


def test_check_reads_no_more_than_could_be_an_image(folder: Path) -> None:
    with (folder / "huge.png").open("wb") as file:
        file.write(WIDE)
        file.truncate(10**11)
    result = facelift("check", "huge.png")
    assert "PNG        40×30        100000.0 MB  refused" in result.stdout  # noqa: RUF001 - as written
    assert (
        "The file has 100,000,000,000 bytes; it must have fewer than\n  1,000,000." in result.stdout
    )


def test_check_as_json() -> None:
    result = facelift("check", "--json", "--fit", "crop", "good.png", "wide.png", "gone.png")
    good, wide, gone = json.loads(result.stdout)
    assert good == {
        "image": "good.png",
        "ok": True,
        "outcome": None,
        "message": None,
        "fitted": None,
        "format": "JPEG",
        "width": 48,
        "height": 48,
        "bytes": len(BASELINE),
        "location": False,
    }
    assert wide["fitted"].startswith("fitted: 40×30 → 30×30")  # noqa: RUF001 - as written
    assert (gone["ok"], gone["outcome"], gone["bytes"]) == (False, "image_not_found", None)
    assert result.exit_code == 3


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_check_says_that_an_image_carries_a_location(
    image_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELIFT_IMAGE_FORMATS", "png,jpeg,webp")
    tags = Image.Exif()
    tags[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    Path("here.jpg").write_bytes(encode(draw(), image_format, exif=tags))
    Path("wide.jpg").write_bytes(encode(draw(40, 30), image_format, exif=tags))
    assert "carries the place" in facelift("check", "here.jpg").stdout
    assert "carries the place" not in facelift("check", "good.png").stdout
    fitted = facelift("check", "--fit", "crop", "wide.jpg").stdout
    assert "carries the place" not in fitted, "what is fitted has no metadata"
    monkeypatch.setenv("FACELIFT_IMAGE_STRIP_METADATA", "true")
    stripped = facelift("check", "here.jpg").stdout
    assert "stripped\n  stripped: " in stripped
    assert "carries the place" not in stripped


@pytest.mark.parametrize("command", ["check", "fit"])
def test_an_image_is_judged_by_the_settings_of_the_account_that_is_named(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("photo.jpg").write_bytes(insert_segment(BASELINE, 0xE1, b"a photo's place"))
    monkeypatch.setenv("FACELIFT_IMAGE_STRIP_METADATA_MY_SHOP", "true")
    assert "stripped: " not in facelift(command, "photo.jpg", "--json").stdout
    arguments = ("photo.jpg", "--json", *(("--force",) if command == "fit" else ()))
    assert "stripped: " in facelift(command, *arguments, "--account", "my-shop").stdout
    assert facelift(command, *arguments, "--account", "My Shop").exit_code == 2


@pytest.mark.parametrize("command", ["check", "fit"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gone.png", "image_not_found: There is no such file."),
        ("good.png/x", "image_not_found: There is no such file."),
        (".", "image_unreadable: It is a folder."),
        ("pipe", "image_unreadable: It is not a regular file."),
        ("loop", "image_unreadable: It cannot be read: Too many levels of symbolic links."),
        ("n" * 300, "image_unreadable: It cannot be read: File name too long."),
    ],
)
def test_what_is_no_file_is_reported_in_a_line(command: str, name: str, expected: str) -> None:
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    result = facelift(command, name)
    assert result.exit_code == 3
    assert expected in " ".join(result.output.split())


def test_a_table_stays_within_80_columns_whatever_a_file_is_called() -> None:
    name = f"{'n' * 90}\x1b[31m\nx.png"
    Path(name).write_bytes(ANIMATED["animated png"])
    result = facelift("check", name, "wide.png", "notes.png")
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "\x1b" not in result.stdout
    assert "..." in result.stdout


# fit


def test_fit_writes_the_image_and_shows_before_and_after() -> None:
    result = facelift("fit", "wide.png")
    assert result.exit_code == 0, result.output
    made = Path("wide-fitted.png").read_bytes()
    assert validate(made, ImageLimits()).side == 30
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "         Before        After",
        "Format   PNG           PNG",
        "Pixels   40×30         30×30",  # noqa: RUF001 - as written
        f"Bytes    {len(WIDE):,}         {len(made):,}",
    ]
    assert lines[4].startswith("Changed  fitted: 40×30 → 30×30, ")  # noqa: RUF001 - as written
    assert lines[5:] == ["Written  wide-fitted.png"]


def test_fit_prints_the_same_as_json() -> None:
    expected = json.loads(facelift("fit", "wide.png", "--json").stdout)
    assert (expected["ok"], expected["written"]) == (True, "wide-fitted.png")
    expected = json.loads(facelift("fit", "notes.png", "--json").stdout)
    assert (expected["outcome"], expected["written"]) == ("image_not_an_image", None)


def test_fit_pads_and_writes_as_the_options_say() -> None:
    result = facelift("fit", "--pad", "wide.png", "-o", "square.jpg")
    assert validate(Path("square.jpg").read_bytes(), ImageLimits()).side == 40
    assert "Written  square.jpg, which is a PNG, whatever its name says" in result.stdout


def test_fit_copies_what_can_be_sent_as_it_is() -> None:
    result = facelift("fit", "good.png")
    assert Path("good-fitted.jpg").read_bytes() == BASELINE
    assert "Changed  nothing: it can be sent as it is" in result.stdout


@pytest.mark.parametrize("command", ["check", "fit"])
def test_what_fits_but_is_wider_than_fitted_images_may_be_is_reduced(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELIFT_IMAGE_FIT_SIZE", "20")
    how = ("--fit", "crop") if command == "check" else ()
    assert "fitted: 48×48 → 20×20, " in facelift(command, *how, "good.png").stdout  # noqa: RUF001 - as written
    assert "fitted" not in facelift("check", "good.png").stdout


def test_fit_overwrites_only_when_forced() -> None:
    Path("out.png").write_bytes(b"precious")
    result = facelift("fit", "wide.png", "-o", "out.png")
    assert result.exit_code == 2
    assert result.stderr == "facelift: out.png exists already; --force overwrites it\n"
    assert Path("out.png").read_bytes() == b"precious"
    assert facelift("fit", "wide.png", "-o", "out.png", "--force").exit_code == 0
    assert Path("out.png").read_bytes() != b"precious"


@pytest.mark.parametrize("target", ["gone/out.png", "."])
def test_unwritable_target_is_reported_in_a_line(target: str) -> None:
    result = facelift("fit", "wide.png", "-o", target, "--force")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"facelift: {target} cannot be written: ")
    assert result.stderr.count("\n") == 1


def test_fit_says_why_an_image_cannot_be_fitted() -> None:
    result = facelift("fit", "notes.png")
    assert result.exit_code == 3
    assert result.stderr.startswith("facelift: notes.png: image_not_an_image: The file is not a")
    assert result.stdout == ""
    assert not Path("notes-fitted.png").exists()
