from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops

from facelift.codes import OutcomeCode
from sandbox.samples import Sample, write_samples
from worker.errors import Failure
from worker.images.validate import ImageLimits, validate
from worker.stores import FolderStore

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = ImageLimits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def samples(folder: Path) -> dict[str, Sample]:
    return {sample.name: sample for sample in write_samples(folder)}


def outcome(folder: Path, name: str) -> OutcomeCode:
    try:
        validate(FolderStore(folder).read(name, LIMITS.byte_limit), LIMITS)
    except Failure as failure:
        return failure.code
    return OutcomeCode.DELIVERED


def test_every_sample_gets_the_outcome_it_announces(
    folder: Path, samples: dict[str, Sample]
) -> None:
    announced = {name: sample.expected for name, sample in samples.items()}
    assert {name: outcome(folder, name) for name in samples} == announced
    assert sorted(announced) == sorted(path.name for path in folder.iterdir())


def test_they_cover_what_commonly_goes_wrong(samples: dict[str, Sample]) -> None:
    outcomes = [sample.expected for sample in samples.values()]
    assert outcomes.count(OutcomeCode.DELIVERED) >= 5
    assert set(outcomes) >= {
        OutcomeCode.IMAGE_NOT_SQUARE,
        OutcomeCode.IMAGE_TOO_LARGE,
        OutcomeCode.IMAGE_TRUNCATED,
        OutcomeCode.IMAGE_NOT_AN_IMAGE,
        OutcomeCode.IMAGE_TOO_MANY_PIXELS,
        OutcomeCode.IMAGE_ANIMATED,
    }


def test_samples_are_the_same_every_time(
    folder: Path, samples: dict[str, Sample], tmp_path: Path
) -> None:
    assert write_samples(tmp_path) == list(samples.values())
    for name in samples:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.usefixtures("samples")
def test_the_large_one_is_a_square_of_more_than_1_2_megabytes(folder: Path) -> None:
    path = folder / "grainy.png"
    assert path.stat().st_size > 1_200_000
    with Image.open(path) as image:
        assert image.width == image.height


@pytest.mark.usefixtures("samples")
def test_the_bomb_is_a_real_one(folder: Path) -> None:
    data = (folder / "bomb.png").read_bytes()
    tracemalloc.start()
    assert validate(data, ImageLimits(pixel_limit=10**9)).side == 30_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000  # and proving it whole takes no 900 MB


@pytest.mark.usefixtures("samples")
def test_the_turned_one_stands_upright_with_its_exif_orientation(folder: Path) -> None:
    with Image.open(folder / "mint.jpg") as lying:
        assert lying.getexif()[0x0112] == 6
        upright = lying.transpose(Image.Transpose.ROTATE_270)
    left, right = upright.crop((0, 0, 400, 800)), upright.crop((400, 0, 800, 800))
    mirrored = ImageChops.difference(left, right.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    top, bottom = upright.crop((0, 0, 800, 400)), upright.crop((0, 400, 800, 800))
    upside_down = ImageChops.difference(top, bottom.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    assert sum(mirrored.convert("L").histogram()[64:]) < sum(
        upside_down.convert("L").histogram()[64:]
    )
