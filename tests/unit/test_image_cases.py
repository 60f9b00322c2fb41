"""Odd files are judged as browsers judge them."""

from __future__ import annotations

import pytest

from facelift.fit import Fit
from tests.image_cases import CASES, Case
from tests.image_cases.table import DOCUMENT, with_table
from worker.errors import ImageRejected
from worker.images.fit.drawing import draw
from worker.images.formats import ImageFormat, parse
from worker.images.validate import ImageLimits, validate

LIMITS = ImageLimits(formats=frozenset(ImageFormat))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}: {case.kind}")
def test_an_odd_file_is_judged_as_browsers_judge_it(case: Case) -> None:
    if case.code is None:
        assert validate(case.data, LIMITS).data == case.data
    else:
        with pytest.raises(ImageRejected) as caught:
            validate(case.data, LIMITS)
        assert caught.value.code is case.code, caught.value.sentence


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.code is None and not case.is_exception],
    ids=lambda case: f"{case.format}: {case.kind}",
)
def test_what_passes_is_fitted_to_the_pixels_that_browsers_show(case: Case) -> None:
    image_format = ImageFormat(case.format.lower())
    drawn, expected = (
        draw(parse(data, image_format), Fit.PAD, LIMITS.pixel_limit)
        for data in (case.data, case.like)
    )
    assert drawn.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()


def test_the_table_in_the_documents_is_of_these_cases() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert with_table(document) == document, "run: python -m tests.image_cases"
