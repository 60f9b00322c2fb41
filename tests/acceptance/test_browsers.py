"""Two real browsers agree with what is said to be right for odd image files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from tests.browser import PROGRAMS, Shown, show
from tests.carriers import CARRIERS
from tests.image_cases import CASES
from worker.images.formats import ImageFormat
from worker.images.metadata import without_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image_cases import Case

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

Verdicts = list[tuple["Case", dict[str, Shown], dict[str, Shown]]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """Of each case, what each browser shows of it, and of the file that it should look like."""
    seen: dict[str, list[Shown]] = {}
    images = [case.data for case in CASES] + [case.like for case in CASES]
    for browser in PROGRAMS:
        home: Path = tmp_path_factory.mktemp(browser)
        answer = show(browser, images, home)
        if answer is not None:
            seen[browser] = answer
    if not seen:
        pytest.skip("there is no browser")
    return [
        (
            case,
            {browser: answer[at] for browser, answer in seen.items()},
            {browser: answer[at + len(CASES)] for browser, answer in seen.items()},
        )
        for at, case in enumerate(CASES)
    ]


def is_whole(ours: dict[str, Shown], like: dict[str, Shown]) -> bool:
    return all(one.pixels and one.pixels == like[browser].pixels for browser, one in ours.items())


def test_every_browser_shows_whole_what_passes(shown: Verdicts) -> None:
    wrong = [
        (case.format, case.kind)
        for case, ours, like in shown
        if case.code is None and is_whole(ours, like) is case.is_exception
    ]
    assert not wrong


def test_no_file_moves_that_passes(shown: Verdicts) -> None:
    moving = [
        (case.format, case.kind)
        for case, ours, _ in shown
        if case.code is None and any(one.frames > 1 for one in ours.values())
    ]
    # Firefox counts the frames that are announced, and not those that are there.
    assert moving in ([], [("PNG", "several frames announced, of which one is there")])


def test_some_browser_does_not_show_what_is_refused(shown: Verdicts) -> None:
    if len(shown[0][1]) < len(PROGRAMS):
        pytest.skip("a browser is missing")
    wrong = [
        (case.format, case.kind)
        for case, ours, like in shown
        if case.code not in {None, OutcomeCode.IMAGE_ANIMATED}
        and is_whole(ours, like) is not case.is_exception
    ]
    assert not wrong


def test_what_is_refused_as_animated_moves_or_is_not_shown(shown: Verdicts) -> None:
    wrong = [
        (case.format, case.kind)
        for case, ours, like in shown
        if case.code is OutcomeCode.IMAGE_ANIMATED
        and is_whole(ours, like)
        and all(one.frames <= 1 for one in ours.values())
    ]
    assert not wrong


def test_an_image_without_its_metadata_is_shown_the_same(tmp_path: Path) -> None:
    files = {f"{case.format} {case.kind}": case.data for case in CASES if case.code is None}
    files |= CARRIERS
    bare = [
        without_metadata(data, ImageFormat(name.split()[0].lower())) for name, data in files.items()
    ]
    answers = [show(browser, [*files.values(), *bare], tmp_path / browser) for browser in PROGRAMS]
    if not any(answers):
        pytest.skip("there is no browser")
    for answer in filter(None, answers):
        pairs = zip(files, answer[: len(files)], answer[len(files) :], strict=True)
        wrong = [name for name, one, other in pairs if not one.pixels or one.pixels != other.pixels]
        assert not wrong
